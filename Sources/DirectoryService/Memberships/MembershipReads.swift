import Contracts
import RPC
import ReplicatedState

extension DirectoryServer {
    func listMembers(
        _ request: DirectoryListMembersRequest, context: ServerContext
    ) async throws -> DirectoryListMembersResponse {
        let paging = try Paging(size: request.pageSize, token: request.pageToken)
        return try await read(atLeast: request.atLeast, context) { state in
            guard let id = Identifier(request.groupID), let row = state.groups.row(id) else {
                throw RPCError.groupNotFound(request.groupID)
            }
            let indexes = state.memberships.page(
                ofGroup: row, after: paging.after, limit: paging.size + 1,
                userIDs: state.users.ids)
            var response = DirectoryListMembersResponse()
            response.members = indexes.prefix(paging.size).compactMap { state.member($0) }
            if indexes.count > paging.size {
                let last = state.memberships[indexes[indexes.startIndex + paging.size - 1]].user
                response.nextPageToken = state.users.ids[Int(last)].text
            }
            return response
        }
    }

    func listGroupsOfUser(
        _ request: DirectoryListGroupsOfUserRequest, context: ServerContext
    ) async throws -> DirectoryListGroupsOfUserResponse {
        try await read(atLeast: request.atLeast, context) { state in
            guard let id = Identifier(request.userID), let row = state.users.row(id) else {
                throw RPCError.userNotFound(request.userID)
            }
            var response = DirectoryListGroupsOfUserResponse()
            response.groups = state.memberships.indexes(ofUser: row)
                .compactMap { state.groupOfUser($0) }
                .sorted { $0.groupID < $1.groupID }
            return response
        }
    }

    func getStatus(
        _ request: DirectoryGetStatusRequest, context: ServerContext
    ) async throws -> DirectoryGetStatusResponse {
        let status = replica.status
        var response = DirectoryGetStatusResponse()
        response.state = status.name
        response.reason = status.reason
        response.positions = replica.positions
        response.comparisons = replica.comparisons.comparisons
        response.differences = replica.comparisons.differences
        if status.isOpen {
            let counts = try replica.read { state in
                (state.users.count, state.groups.count, state.memberships.count)
            }
            response.users = UInt64(counts.0)
            response.groups = UInt64(counts.1)
            response.memberships = UInt64(counts.2)
        }
        return response
    }
}

extension DirectoryState {
    fileprivate func member(_ index: UInt32) -> DirectoryListMembersResponse.Member? {
        let membership = memberships[index]
        guard users.isLive(membership.user) else { return nil }
        var member = DirectoryListMembersResponse.Member()
        member.userID = users.ids[Int(membership.user)].text
        member.membershipID = membership.id.text
        let names = users.withFields(membership.user) { fields in
            (fields.name.map(String.init(wire:)), fields.displayName.map(String.init(wire:)))
        }
        member.userName = names?.0 ?? ""
        member.displayName = names?.1 ?? ""
        return member
    }

    fileprivate func groupOfUser(
        _ index: UInt32
    ) -> DirectoryListGroupsOfUserResponse.GroupOfUser? {
        let membership = memberships[index]
        guard groups.isLive(membership.group) else { return nil }
        var group = DirectoryListGroupsOfUserResponse.GroupOfUser()
        group.groupID = groups.ids[Int(membership.group)].text
        group.membershipID = membership.id.text
        group.displayName =
            groups.withFields(membership.group) { $0.displayName.map(String.init(wire:)) ?? "" }
            ?? ""
        return group
    }
}
