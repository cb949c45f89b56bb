import Contracts
import Foundation
import RPC
import SCIM

/// Answers filters over groups: by index where there is one, else over pages.
struct GroupSearch: Sendable {
    static let scanMax = 50_000
    let directory: DirectoryClient
    let call: SCIMCall

    func matches(_ filter: SCIMFilter) async throws -> [DirectoryGroup] {
        do {
            if let groups = try await indexed(filter) { return groups }
        } catch let error as RPCError where error.code == .notFound {
            return []
        }
        guard !mentionsMembers(filter) else {
            throw SCIMError(
                status: 400, kind: .invalidFilter,
                detail: "Members can be filtered by members.value eq, alone or with id eq.")
        }
        return try await scan(filter)
    }

    /// One look-up, for the filters that identity providers send. Nil when there is none.
    private func indexed(_ filter: SCIMFilter) async throws -> [DirectoryGroup]? {
        if let equality = filter.soleEquality, let value = equality.value.string {
            return try await indexed(equality.attribute.folded, value)
        }
        // `id eq "g" and members eq "u"`: is this user in that group?
        guard case .and(let a, let b) = filter, let first = a.soleEquality,
            let second = b.soleEquality
        else { return nil }
        let values = [
            first.attribute.folded: first.value.string,
            second.attribute.folded: second.value.string,
        ]
        guard let id = values["id"] ?? nil, !id.isEmpty,
            let member = (values["members"] ?? values["members.value"]) ?? nil
        else { return nil }
        return try await groups(of: member).filter { $0.groupID == id }
    }

    private func indexed(_ attribute: String, _ value: String) async throws -> [DirectoryGroup]? {
        var find = DirectoryFindGroupRequest()
        switch attribute {
        case "displayname": find.displayName = value
        case "externalid": find.externalID = value
        case "id": return [try await group(value)]
        case "members", "members.value": return try await groups(of: value)
        default: return nil
        }
        return [try await directory.findGroup(find, options: call.options).group]
    }

    private func group(_ id: String) async throws -> DirectoryGroup {
        var request = DirectoryGetGroupRequest()
        request.groupID = id
        return try await directory.getGroup(request, options: call.options).group
    }

    private func groups(of userID: String) async throws -> [DirectoryGroup] {
        var request = DirectoryListGroupsOfUserRequest()
        request.userID = userID
        let answer = try await directory.listGroupsOfUser(request, options: call.options)
        var groups: [DirectoryGroup] = []
        for membership in answer.groups { groups.append(try await group(membership.groupID)) }
        return groups
    }

    private func scan(_ filter: SCIMFilter) async throws -> [DirectoryGroup] {
        var matches: [DirectoryGroup] = []
        var request = DirectoryListGroupsRequest()
        request.pageSize = 1_000
        var seen = 0
        repeat {
            let page = try await directory.listGroups(request, options: call.options)
            matches += page.groups.filter {
                filter.matches(SCIMGroup($0, baseURL: call.baseURL).object)
            }
            seen += page.groups.count
            request.pageToken = page.nextPageToken
            guard seen <= Self.scanMax else { throw SCIMGroups.tooMany }
        } while !request.pageToken.isEmpty
        return matches
    }

    private func mentionsMembers(_ filter: SCIMFilter) -> Bool {
        switch filter {
        case .compare(let name, _, _), .present(let name), .element(let name, _):
            name.folded.hasPrefix("members")
        case .and(let a, let b), .or(let a, let b): mentionsMembers(a) || mentionsMembers(b)
        case .not(let inner): mentionsMembers(inner)
        }
    }
}
