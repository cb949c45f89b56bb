import Contracts
import Foundation
import Hummingbird
import RPC
import SCIM

/// Groups by SCIM. Memberships are changed without reading who is in the group.
struct SCIMGroups: Sendable {
    /// Members in one call to the directory.
    static let chunk = 5_000
    static let membersShownMax = 100_000
    let directory: DirectoryClient

    static let tooMany = SCIMError(
        status: 400, kind: .tooMany,
        detail: "This filter would look at too many resources. Filter by userName, externalId, "
            + "displayName or id.")

    func create(_ call: SCIMCall) async throws -> Response {
        let given = try SCIMGroup(try await call.body())
        let members = (given.members ?? []).map(\.id)
        var request = DirectoryCreateGroupRequest()
        request.group.displayName = given.displayName
        request.group.externalID = given.externalID
        request.memberUserIds = Array(members.prefix(Self.chunk))
        let made = try await directory.createGroup(request, options: call.options).group
        try await add(Array(members.dropFirst(Self.chunk)), to: made.groupID, call)
        var shown = SCIMGroup(made, baseURL: call.baseURL)
        shown.members = given.members ?? []
        return SCIMAnswer.resource(
            try call.projection().applied(to: shown.object), status: .created,
            location: "\(call.baseURL)/Groups/\(made.groupID)")
    }

    func show(_ call: SCIMCall) async throws -> Response {
        let projection = try call.projection()
        let group = try await find(call.parameter("id"), call)
        var shown = SCIMGroup(group, baseURL: call.baseURL)
        if projection.wants("members") { shown.members = try await members(group.groupID, call) }
        return SCIMAnswer.resource(projection.applied(to: shown.object))
    }

    func replace(_ call: SCIMCall) async throws -> Response {
        let given = try SCIMGroup(try await call.body())
        let old = try await find(call.parameter("id"), call)
        var group = old
        group.displayName = given.displayName
        group.externalID = given.externalID
        let made = try await update(group, from: old, call)
        if let members = given.members {
            try await apply(.replaceMembers(members.map(\.id)), to: old.groupID, call)
        }
        var shown = SCIMGroup(made, baseURL: call.baseURL)
        let projection = try call.projection()
        if projection.wants("members") { shown.members = try await members(old.groupID, call) }
        return SCIMAnswer.resource(projection.applied(to: shown.object))
    }

    /// 204, as AWS answers: a client that wants the group asks for it.
    func patch(_ call: SCIMCall) async throws -> Response {
        let changes = try GroupChange.changes(
            from: try PatchOperation.parse(try await call.body()))
        let old = try await find(call.parameter("id"), call)
        var group = old
        for change in changes {
            switch change {
            case .setDisplayName(let name): group.displayName = name
            case .setExternalID(let id): group.externalID = id
            default: break
            }
        }
        _ = try await update(group, from: old, call)
        for change in changes { try await apply(change, to: old.groupID, call) }
        return SCIMAnswer.none
    }

    func delete(_ call: SCIMCall) async throws -> Response {
        var request = DirectoryDeleteGroupRequest()
        request.groupID = call.parameter("id")
        _ = try await directory.deleteGroup(request, options: call.options)
        return SCIMAnswer.none
    }

    func list(_ call: SCIMCall) async throws -> Response {
        let projection = try call.projection()
        let page = try call.paging()
        let found: (groups: [DirectoryGroup], total: UInt64)
        if let filter = try call.filter() {
            let matches = try await GroupSearch(directory: directory, call: call).matches(filter)
            found = (
                Array(matches.dropFirst(Int(clamping: page.offset)).prefix(page.count)),
                UInt64(matches.count)
            )
        } else {
            var request = DirectoryListGroupsRequest()
            request.pageSize = UInt32(max(1, page.count))
            request.offset = min(page.offset, 10_000_000)
            let answer = try await directory.listGroups(request, options: call.options)
            found = (page.count == 0 ? [] : answer.groups, answer.total)
        }
        // Members are listed for a single group only: a page of large groups would have no bound.
        let showsMembers = found.groups.count == 1 && projection.wants("members")
        var resources: [SCIMObject] = []
        for group in found.groups {
            var shown = SCIMGroup(group, baseURL: call.baseURL)
            if showsMembers { shown.members = try await members(group.groupID, call) }
            resources.append(projection.applied(to: shown.object))
        }
        return SCIMAnswer.json(
            ListResponse(
                resources: resources, totalResults: found.total, startIndex: page.offset + 1
            ).value)
    }

    // MARK: Steps

    private func find(_ id: String, _ call: SCIMCall) async throws -> DirectoryGroup {
        var request = DirectoryGetGroupRequest()
        request.groupID = id
        return try await directory.getGroup(request, options: call.options).group
    }

    private func update(
        _ group: DirectoryGroup, from old: DirectoryGroup, _ call: SCIMCall
    ) async throws -> DirectoryGroup {
        guard group != old else { return old }
        var request = DirectoryUpdateGroupRequest()
        request.group = group
        return try await directory.updateGroup(request, options: call.options).group
    }

    private func apply(_ change: GroupChange, to id: String, _ call: SCIMCall) async throws {
        switch change {
        case .addMembers(let ids): try await add(ids, to: id, call)
        case .removeMembers(let ids):
            for part in ids.chunks(of: Self.chunk) {
                var request = DirectoryChangeMembersRequest()
                request.groupID = id
                request.removeUserIds = part
                _ = try await directory.changeMembers(request, options: call.options)
            }
        case .replaceMembers(let ids):
            var request = DirectoryChangeMembersRequest()
            request.groupID = id
            request.addUserIds = Array(ids.prefix(Self.chunk))
            request.replaceAll = true
            _ = try await directory.changeMembers(request, options: call.options)
            try await add(Array(ids.dropFirst(Self.chunk)), to: id, call)
        case .setDisplayName, .setExternalID: break
        }
    }

    private func add(_ ids: [String], to group: String, _ call: SCIMCall) async throws {
        for part in ids.chunks(of: Self.chunk) {
            var request = DirectoryChangeMembersRequest()
            request.groupID = group
            request.addUserIds = part
            _ = try await directory.changeMembers(request, options: call.options)
        }
    }

    private func members(_ id: String, _ call: SCIMCall) async throws -> [SCIMGroup.Member] {
        var members: [SCIMGroup.Member] = []
        var request = DirectoryListMembersRequest()
        request.groupID = id
        request.pageSize = 1_000
        repeat {
            let page = try await directory.listMembers(request, options: call.options)
            members += page.members.map { .init(id: $0.userID, display: $0.userName) }
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty && members.count < Self.membersShownMax
        return members
    }
}

extension Array {
    fileprivate func chunks(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
