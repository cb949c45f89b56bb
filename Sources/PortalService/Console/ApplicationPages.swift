import Contracts
import Foundation
import Hummingbird
import RPC

/// Applications: listed everywhere, made and deleted in the Region they belong to.
struct ApplicationPages: Sendable {
    static let pageSize: UInt32 = 100
    let gate: ConsoleGate
    let permissions: PermissionsClient
    let directory: DirectoryClient

    func add(to router: Router<PortalContext>) {
        router.get("console/applications") { request, context in
            let query = try request.queryForm()
            return try await gate.page(request, context) { try await list($0, query) }
        }
        router.get("console/applications/new") { request, context in
            try await gate.page(request, context) { try form($0, Form(), problem: nil) }
        }
        router.post("console/applications/new") { request, context in
            try await gate.form(request, context) { try await create($0, $1) }
        }
        router.post("console/applications/delete") { request, context in
            try await gate.form(request, context) { try await delete($0, $1) }
        }
    }

    private struct Row: Sendable {
        let arn, name, region, url, keys, tone, audience: String
        let isHere: Bool

        init(_ application: PermissionApplication, here: String) {
            arn = application.applicationArn
            name = application.name
            region = application.region
            url = application.startURL
            (keys, tone) =
                application.supportsCustomerManagedKeys
                ? ("Supported", "good") : ("Not supported", "warn")
            let people = application.assignmentNotRequired ? "Everybody" : "Assigned people"
            audience = application.hidden ? people + ", not in the portal" : people
            isHere = application.region == here
        }
    }

    private struct ListPage: Sendable {
        let region, search, count: String
        let isSearching, hasApplications: Bool
        let applications: [Row]
        let nextPath: String?
    }

    private func list(_ visit: ConsoleGate.Visit, _ query: Form) async throws -> Response {
        var request = PermissionListApplicationsRequest()
        request.pageSize = Self.pageSize
        request.pageToken = query["page"]
        let answer = try await permissions.listApplications(request, options: visit.options)
        let search = String(query["search"].prefix(128))
        let rows = answer.applications.filter {
            search.isEmpty || $0.name.lowercased().contains(search.lowercased())
        }.map { Row($0, here: visit.instance.region) }
        let next =
            "/console/applications?search=\(queryEncoded(search))"
            + "&page=\(queryEncoded(answer.nextPageToken))"
        let content = ListPage(
            region: visit.instance.region, search: search, count: String(rows.count),
            isSearching: !search.isEmpty, hasApplications: !rows.isEmpty, applications: rows,
            nextPath: answer.nextPageToken.isEmpty ? nil : next)
        return try gate.render(
            "applications", "Applications", section: .applications, visit, content: content)
    }

    private struct FormPage: Sendable {
        let region, name, description, startURL, group: String
        let isEverybody, supportsKeys: Bool
        let problem: String?
    }

    private func form(
        _ visit: ConsoleGate.Visit, _ form: Form, problem: String?
    ) throws -> Response {
        let content = FormPage(
            region: visit.instance.region, name: form["name"], description: form["description"],
            startURL: form["start_url"], group: form["group"],
            isEverybody: form["everybody"] == "yes",
            supportsKeys: form["keys"] == "yes" || !form.has("name"), problem: problem)
        return try gate.render(
            "application-new", "Create application", section: .applications, visit,
            content: content)
    }

    /// Made in this Region, whichever it is. A group that does not exist is found out before
    /// anything is written.
    private func create(_ visit: ConsoleGate.Visit, _ form: Form) async throws -> Response {
        do {
            let group = try await group(named: form["group"], visit)
            var request = PermissionCreateApplicationRequest()
            request.application.name = form["name"]
            request.application.description_p = form["description"]
            request.application.startURL = form["start_url"]
            request.application.assignmentNotRequired = form["everybody"] == "yes"
            request.application.supportsCustomerManagedKeys = form["keys"] == "yes"
            request.application.status = .enabled
            let made = try await permissions.createApplication(request, options: visit.options)
            if let group {
                var assignment = PermissionCreateApplicationAssignmentRequest()
                assignment.assignment.applicationArn = made.application.applicationArn
                assignment.assignment.principalType = .group
                assignment.assignment.principalID = group
                _ = try await permissions.createApplicationAssignment(
                    assignment, options: visit.options)
            }
            return .redirect("/console/applications")
        } catch let error as RPCError
            where [.invalidArgument, .failedPrecondition, .alreadyExists, .notFound]
            .contains(error.code)
        {
            return try self.form(visit, form, problem: error.message)
        }
    }

    private func group(named name: String, _ visit: ConsoleGate.Visit) async throws -> String? {
        guard !name.isEmpty else { return nil }
        var request = DirectoryFindGroupRequest()
        request.displayName = name
        do {
            return try await directory.findGroup(request, options: visit.options).group.groupID
        } catch let error as RPCError where error.code == .notFound {
            throw RPCError(
                .notFound, reason: "GROUP_NOT_FOUND", message: "No group is called that.")
        }
    }

    private func delete(_ visit: ConsoleGate.Visit, _ form: Form) async throws -> Response {
        var request = PermissionDeleteApplicationRequest()
        request.applicationArn = form["application"]
        _ = try await permissions.deleteApplication(request, options: visit.options)
        return .redirect("/console/applications")
    }
}
