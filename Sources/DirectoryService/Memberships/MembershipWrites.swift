import Contracts
import RPC
import ReplicatedState
import ServiceKit
import SwiftProtobuf

extension DirectoryServer {
    func changeMembers(
        _ request: DirectoryChangeMembersRequest, context: ServerContext
    ) async throws -> DirectoryChangeMembersResponse {
        let name =
            request.addUserIds.isEmpty && !request.replaceAll
            ? "RemoveMemberFromGroup" : "AddMemberToGroup"
        let parameters = groupParameters(request.groupID)
        return try await audit.run(name, context, request: parameters) { actor in
            guard let group = Identifier(request.groupID) else {
                throw RPCError.groupNotFound(request.groupID)
            }
            let add = try UserList(request.addUserIds, besides: request.removeUserIds.count)
            let remove = try UserList(request.removeUserIds)
            let written = try await writer.submit(until: context.deadline) { [self] state in
                let change = try MembershipChange(
                    group: group, add: add, remove: remove, replacesAll: request.replaceAll,
                    in: state)
                return DomainWrite(
                    change, changes: change.records,
                    events: membershipEvents(
                        actor, group: group, added: change.added, removed: change.removed),
                    exclusive: request.replaceAll ? [DirectoryKey.group(group).text] : [],
                    shared: (request.replaceAll ? [] : [DirectoryKey.group(group).text])
                        + add.keys)
            }
            var response = DirectoryChangeMembersResponse()
            response.added = UInt32(written.answer.added.count)
            response.removed = UInt32(written.answer.removed.count)
            response.position = written.position
            return response
        }
    }

    /// One event per member as the API has it, or lists of members when there are many.
    func membershipEvents(
        _ actor: TrailActor, group: Identifier, added: [Identifier], removed: [Identifier]
    ) -> [TrailEvent] {
        membershipEvents("AddMemberToGroup", actor, group, added)
            + membershipEvents("RemoveMemberFromGroup", actor, group, removed)
    }

    private func membershipEvents(
        _ name: String, _ actor: TrailActor, _ group: Identifier, _ users: [Identifier]
    ) -> [TrailEvent] {
        var parameters = storeParameters
        parameters["groupId"] = group.text
        if users.count <= 100 {
            return users.map { user in
                let member = parameters.merging(["member": ["memberId": user.text]]) { $1 }
                return audit.event(name, actor, request: member)
            }
        }
        return stride(from: 0, to: users.count, by: 500).map { start in
            let part = users[start..<min(start + 500, users.count)].map(\.text)
            return audit.event(
                name, actor, request: parameters.merging(["memberIds": part]) { $1 })
        }
    }
}

/// What a request changes in a group's members, as things stand.
private struct MembershipChange: Sendable {
    var records: [RecordChange] = []
    var added: [Identifier] = []
    var removed: [Identifier] = []

    /// Throws: NOT_FOUND GROUP_NOT_FOUND, USER_NOT_FOUND.
    init(
        group: Identifier, add: UserList, remove: UserList, replacesAll: Bool,
        in state: DirectoryState
    ) throws {
        guard let groupRow = state.groups.row(group) else {
            throw RPCError.groupNotFound(group.text)
        }
        let rows = try add.rows(in: state)
        for (id, row) in zip(add.ids, rows)
        where state.memberships.find(user: row, group: groupRow) == nil {
            records.append(try state.newMembership(row, group: group))
            added.append(id)
        }
        let kept = Set(rows)
        let ends =
            replacesAll
            ? state.memberships.indexes(ofGroup: groupRow)
                .filter { !kept.contains(state.memberships[$0].user) }
            : remove.ids.compactMap { id in
                state.users.row(id).flatMap { row in
                    kept.contains(row)
                        ? nil : state.memberships.find(user: row, group: groupRow)
                }
            }
        for index in ends {
            records.append(state.endOfMembership(index))
            removed.append(state.users.ids[Int(state.memberships[index].user)])
        }
    }
}

extension DirectoryState {
    /// The record of a new membership.
    func newMembership(
        _ user: UInt32, group: Identifier, id: Identifier = .new()
    ) throws -> RecordChange {
        let userID = users.ids[Int(user)]
        var record = DirectoryMembershipRecord()
        record.membershipID = id.text
        record.groupID = group.text
        record.userID = userID.text
        record.createdAtUs = Timestamp.nowMicroseconds
        return .put(
            DirectoryKey.member(group: group, user: userID).text,
            version: nextMembershipVersion(group: group, user: userID),
            try record.serializedBytes())
    }
}
