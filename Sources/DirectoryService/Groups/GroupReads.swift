import Contracts
import NIOCore
import RPC
import ReplicatedState

extension DirectoryServer {
    func getGroup(
        _ request: DirectoryGetGroupRequest, context: ServerContext
    ) async throws -> DirectoryGetGroupResponse {
        let encoded = try await read(atLeast: request.atLeast, context) { state in
            guard let id = Identifier(request.groupID), let row = state.groups.row(id) else {
                throw RPCError.groupNotFound(request.groupID)
            }
            return Self.encoded(row, in: state)
        }
        return try MessageCoding.decode(DirectoryGetGroupResponse.self, from: encoded)
    }

    func findGroup(
        _ request: DirectoryFindGroupRequest, context: ServerContext
    ) async throws -> DirectoryFindGroupResponse {
        let encoded = try await read(atLeast: request.atLeast, context) { state in
            let row =
                switch request.by {
                case .displayName(let name): state.groups.find(name: name)
                case .externalID(let id): state.groups.find(externalID: id)
                case nil:
                    throw RPCError(
                        .invalidArgument, reason: "INVALID_ATTRIBUTE",
                        message: "Say by what the group is to be found.")
                }
            guard let row else { throw RPCError.groupNotFound("") }
            return Self.encoded(row, in: state)
        }
        return try MessageCoding.decode(DirectoryFindGroupResponse.self, from: encoded)
    }

    func listGroups(
        _ request: DirectoryListGroupsRequest, context: ServerContext
    ) async throws -> DirectoryListGroupsResponse {
        let paging = try Paging(
            size: request.pageSize, token: request.pageToken, offset: request.offset)
        try await replica.wait(for: request.atLeast, until: context.deadline)
        let page = try page(of: { $0.groups }, paging, search: request.search)
        var response = DirectoryListGroupsResponse()
        response.groups = try page.records.map {
            try MessageCoding.decode(DirectoryGroupRecord.self, from: $0).group
        }
        response.nextPageToken = page.next?.text ?? ""
        response.total = UInt64(page.total)
        return response
    }

    /// A GetGroupResponse: the stored GroupRecord and behind it field 2, the number of members.
    static func encoded(_ row: UInt32, in state: DirectoryState) -> ByteBuffer {
        var buffer = state.groups.record(row)
        var count = state.memberships.count(ofGroup: row)
        guard count > 0 else { return buffer }
        buffer.writeInteger(UInt8(0x10))
        while count > 0x7f {
            buffer.writeInteger(UInt8(count & 0x7f | 0x80))
            count >>= 7
        }
        buffer.writeInteger(UInt8(count))
        return buffer
    }
}
