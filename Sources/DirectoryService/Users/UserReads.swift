import Contracts
import NIOCore
import RPC
import ReplicatedState

extension DirectoryServer {
    func getUser(
        _ request: DirectoryGetUserRequest, context: ServerContext
    ) async throws -> DirectoryGetUserResponse {
        let record = try await read(atLeast: request.atLeast, context) { state in
            guard let id = Identifier(request.userID), let row = state.users.row(id) else {
                throw RPCError.userNotFound(request.userID)
            }
            return state.users.record(row)
        }
        return try MessageCoding.decode(DirectoryGetUserResponse.self, from: record)
    }

    func findUser(
        _ request: DirectoryFindUserRequest, context: ServerContext
    ) async throws -> DirectoryFindUserResponse {
        let record = try await read(atLeast: request.atLeast, context) { state in
            try Self.find(request, in: state)
        }
        return try MessageCoding.decode(DirectoryFindUserResponse.self, from: record)
    }

    static func find(
        _ request: DirectoryFindUserRequest, in state: DirectoryState
    ) throws -> ByteBuffer {
        let row =
            switch request.by {
            case .userName(let name): state.users.find(name: name)
            case .externalID(let id): state.users.find(externalID: id)
            case .email(let address): state.users.find(email: address)
            case nil:
                throw RPCError(
                    .invalidArgument, reason: "INVALID_ATTRIBUTE",
                    message: "Say by what the user is to be found.")
            }
        guard let row else { throw RPCError.userNotFound("") }
        return state.users.record(row)
    }

    func listUsers(
        _ request: DirectoryListUsersRequest, context: ServerContext
    ) async throws -> DirectoryListUsersResponse {
        let paging = try Paging(
            size: request.pageSize, token: request.pageToken, offset: request.offset)
        try await replica.wait(for: request.atLeast, until: context.deadline)
        let page = try page(of: { $0.users }, paging, search: request.search)
        var response = DirectoryListUsersResponse()
        response.users = try page.records.map {
            try MessageCoding.decode(DirectoryUserRecord.self, from: $0).user
        }
        response.nextPageToken = page.next?.text ?? ""
        response.total = UInt64(page.total)
        return response
    }
}
