import Contracts
import RPC
import ReplicatedState
import ServiceKit
import SwiftProtobuf

/// One membership at a time, by its own ID, as the Identity Store API has it.
extension DirectoryServer {
    func getMembership(
        _ request: DirectoryGetMembershipRequest, context: ServerContext
    ) async throws -> DirectoryGetMembershipResponse {
        try await read(atLeast: request.atLeast, context) { state in
            guard let id = Identifier(request.membershipID), let found = state.membership(id) else {
                throw RPCError.membershipNotFound(request.membershipID)
            }
            return .with { $0.membership = DirectoryMembership(id, found.group, found.user) }
        }
    }

    func createMembership(
        _ request: DirectoryCreateMembershipRequest, context: ServerContext
    ) async throws -> DirectoryCreateMembershipResponse {
        let parameters = groupParameters(request.groupID)
            .merging(Self.member(request.userID)) { $1 }
        return try await audit.run("CreateGroupMembership", context, request: parameters) { actor in
            guard let group = Identifier(request.groupID) else {
                throw RPCError.groupNotFound(request.groupID)
            }
            guard let user = Identifier(request.userID) else {
                throw RPCError.userNotFound(request.userID)
            }
            let id = Identifier.new()
            let event = audit.event(
                "CreateGroupMembership", actor, request: parameters,
                response: storeParameters.merging(["membershipId": id.text]) { $1 })
            let written = try await writer.submit(until: context.deadline) { state in
                try Self.creation(of: id, group, user, event, in: state)
            }
            return .with {
                $0.membership = written.answer
                $0.position = written.position
            }
        }
    }

    private static func creation(
        of id: Identifier, _ group: Identifier, _ user: Identifier, _ event: TrailEvent,
        in state: DirectoryState
    ) throws -> DomainWrite<DirectoryMembership> {
        guard let groupRow = state.groups.row(group) else {
            throw RPCError.groupNotFound(group.text)
        }
        guard let userRow = state.users.row(user) else { throw RPCError.userNotFound(user.text) }
        if let known = state.memberships.find(user: userRow, group: groupRow) {
            throw RPCError.membershipExists(state.memberships[known].id)
        }
        return DomainWrite(
            DirectoryMembership(id, group, user),
            changes: [try state.newMembership(userRow, group: group, id: id)], events: [event],
            shared: [DirectoryKey.group(group).text, DirectoryKey.user(user).text])
    }

    func deleteMembership(
        _ request: DirectoryDeleteMembershipRequest, context: ServerContext
    ) async throws -> DirectoryDeleteMembershipResponse {
        let parameters =
            storeParameters
            .merging(["membershipId": String(request.membershipID.prefix(64))]) { $1 }
        let name = "DeleteGroupMembership"
        return try await audit.run(name, context, request: parameters) { actor in
            guard let id = Identifier(request.membershipID) else {
                throw RPCError.membershipNotFound(request.membershipID)
            }
            let written = try await writer.submit(until: context.deadline) { [self] state in
                guard let found = state.membership(id) else {
                    throw RPCError.membershipNotFound(id.text)
                }
                // The ID leads nowhere any more: the trail says whose membership it was.
                let event = audit.event(
                    name, actor, request: parameters,
                    response: Self.member(found.user.text)
                        .merging(["groupId": found.group.text]) { $1 })
                return DomainWrite(
                    (), changes: [state.endOfMembership(found.index)], events: [event])
            }
            return .with { $0.position = written.position }
        }
    }

    private static func member(_ userID: String) -> [String: any Sendable] {
        ["memberId": ["userId": String(userID.prefix(64))]]
    }
}

extension DirectoryState {
    /// A membership of a user and a group that are there.
    fileprivate func membership(
        _ id: Identifier
    ) -> (index: UInt32, group: Identifier, user: Identifier)? {
        guard let index = memberships.find(id: id) else { return nil }
        let membership = memberships[index]
        guard users.isLive(membership.user), groups.isLive(membership.group) else { return nil }
        return (index, groups.ids[Int(membership.group)], users.ids[Int(membership.user)])
    }
}

extension DirectoryMembership {
    fileprivate init(_ id: Identifier, _ group: Identifier, _ user: Identifier) {
        self.init()
        membershipID = id.text
        groupID = group.text
        userID = user.text
        createdAtUs = id.createdAtMicroseconds
    }
}
