import Contracts
import RPC
import Synchronization

/// A directory of a few people and groups.
final class FakeDirectory: Sendable {
    private struct People {
        var users: [String: DirectoryUser] = [:]
        var groups: [String: Set<String>] = [:]
    }

    private let people = Mutex(People())

    func add(user id: String, enabled: Bool = true) {
        var user = DirectoryUser()
        user.userID = id
        user.userName = "name-of-\(id)"
        user.enabled = enabled
        people.withLock { $0.users[id] = user }
    }

    func add(group id: String, members: Set<String> = []) {
        people.withLock { $0.groups[id] = members }
    }

    var methods: MethodTable {
        var table = MethodTable()
        table.register(
            DirectoryMethods.getUser,
            .unary { [self] payload, _ in
                let id = try MessageCoding.decode(DirectoryGetUserRequest.self, from: payload)
                    .userID
                var response = DirectoryGetUserResponse()
                response.user = try user(id)
                return try MessageCoding.encode(response)
            })
        table.register(
            DirectoryMethods.getGroup,
            .unary { [self] payload, _ in
                let request = try MessageCoding.decode(DirectoryGetGroupRequest.self, from: payload)
                guard people.withLock({ $0.groups[request.groupID] != nil }) else {
                    throw RPCError(.notFound, reason: "GROUP_NOT_FOUND", message: "None.")
                }
                return try MessageCoding.encode(DirectoryGetGroupResponse())
            })
        table.register(
            DirectoryMethods.listGroupsOfUser,
            .unary { [self] payload, _ in
                let request = try MessageCoding.decode(
                    DirectoryListGroupsOfUserRequest.self, from: payload)
                _ = try user(request.userID)
                var response = DirectoryListGroupsOfUserResponse()
                response.groups = people.withLock { people in
                    people.groups.filter { $1.contains(request.userID) }.keys.sorted().map { id in
                        var group = DirectoryListGroupsOfUserResponse.GroupOfUser()
                        group.groupID = id
                        return group
                    }
                }
                return try MessageCoding.encode(response)
            })
        return table
    }

    private func user(_ id: String) throws -> DirectoryUser {
        guard let user = people.withLock({ $0.users[id] }) else {
            throw RPCError(.notFound, reason: "USER_NOT_FOUND", message: "None.")
        }
        return user
    }
}
