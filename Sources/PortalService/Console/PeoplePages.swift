import Contracts
import Foundation
import Hummingbird
import RPC

/// Read-only lists of users and groups.
struct PeoplePages: Sendable {
    static let pageSize: UInt32 = 50
    let gate: ConsoleGate
    let directory: DirectoryClient

    func add(to router: Router<PortalContext>) {
        router.get("console/users") { request, context in
            let query = try request.queryForm()
            return try await gate.page(request, context) { try await users($0, query) }
        }
        router.get("console/groups") { request, context in
            let query = try request.queryForm()
            return try await gate.page(request, context) { try await groups($0, query) }
        }
        router.get("console/groups/:group") { request, context in
            let id = try context.parameters.require("group")
            let query = try request.queryForm()
            return try await gate.page(request, context) { try await members($0, id, query) }
        }
    }

    private func users(_ visit: ConsoleGate.Visit, _ query: Form) async throws -> Response {
        var request = DirectoryListUsersRequest()
        request.pageSize = Self.pageSize
        request.pageToken = query["page"]
        request.search = String(query["search"].prefix(128))
        let answer = try await directory.listUsers(request, options: visit.options)
        let rows = answer.users.map { user in
            ListRow([
                ListCell("User name", user.userName), ListCell("Name", user.displayName),
                ListCell("E-mail", user.emails.first?.value ?? "–"),
                ListCell(
                    "Status", user.enabled ? "Enabled" : "Disabled",
                    tone: user.enabled ? "good" : "warn"),
            ])
        }
        return try render(
            visit, .users, query, rows: rows, total: answer.total, next: answer.nextPageToken,
            columns: ["User name", "Name", "E-mail", "Status"])
    }

    private func groups(_ visit: ConsoleGate.Visit, _ query: Form) async throws -> Response {
        var request = DirectoryListGroupsRequest()
        request.pageSize = Self.pageSize
        request.pageToken = query["page"]
        request.search = String(query["search"].prefix(128))
        let answer = try await directory.listGroups(request, options: visit.options)
        let rows = answer.groups.map { group in
            ListRow([
                ListCell(
                    "Group", group.displayName,
                    link: "/console/groups/\(queryEncoded(group.groupID))"),
                ListCell("Description", group.description_p.isEmpty ? "–" : group.description_p),
                ListCell("Group ID", group.groupID),
            ])
        }
        return try render(
            visit, .groups, query, rows: rows, total: answer.total, next: answer.nextPageToken,
            columns: ["Group", "Description", "Group ID"])
    }

    private func members(
        _ visit: ConsoleGate.Visit, _ id: String, _ query: Form
    ) async throws -> Response {
        var ask = DirectoryGetGroupRequest()
        ask.groupID = id
        let group = try await directory.getGroup(ask, options: visit.options)
        var request = DirectoryListMembersRequest()
        request.groupID = id
        request.pageSize = Self.pageSize
        request.pageToken = query["page"]
        let answer = try await directory.listMembers(request, options: visit.options)
        let rows = answer.members.map {
            ListRow([ListCell("User name", $0.userName), ListCell("Name", $0.displayName)])
        }
        return try render(
            visit, .groups, query, rows: rows, total: group.memberCount,
            next: answer.nextPageToken, columns: ["User name", "Name"],
            heading: "Members of \(group.group.displayName)",
            path: "/console/groups/\(queryEncoded(id))")
    }

    private func render(
        _ visit: ConsoleGate.Visit, _ section: ConsoleGate.Section, _ query: Form,
        rows: [ListRow], total: UInt64, next: String, columns: [String],
        heading: String? = nil, path: String? = nil
    ) throws -> Response {
        let search = String(query["search"].prefix(128))
        let path = path ?? section.path
        let nextPath = "\(path)?search=\(queryEncoded(search))&page=\(queryEncoded(next))"
        let content = ListContent(
            heading: heading ?? section.label, path: path, total: Display.count(total),
            search: search, placeholder: "Search", isSearching: !search.isEmpty,
            hasRows: !rows.isEmpty, columns: columns, rows: rows,
            nextPath: next.isEmpty ? nil : nextPath,
            scimURL: visit.instance.portalURL(of: visit.instance.instance.primaryRegion)
                + "/scim/v2")
        return try gate.render(
            "people", content.heading, section: section, visit, content: content)
    }
}

/// A table of things, as the list template shows it.
struct ListContent: Sendable {
    let heading, path, total, search, placeholder: String
    let isSearching, hasRows: Bool
    let columns: [String]
    let rows: [ListRow]
    let nextPath: String?
    let scimURL: String
}

struct ListRow: Sendable {
    let cells: [ListCell]

    init(_ cells: [ListCell]) { self.cells = cells }
}

struct ListCell: Sendable {
    let label, text: String
    let tone, link: String?

    init(_ label: String, _ text: String, tone: String? = nil, link: String? = nil) {
        self.label = label
        self.text = text
        self.tone = tone
        self.link = link
    }
}
