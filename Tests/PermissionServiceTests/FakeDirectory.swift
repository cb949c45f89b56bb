import Contracts
import RPC
import Synchronization

/// A directory of a few people and groups, which tells about whom something has changed.
final class FakeDirectory: Sendable {
    private struct People {
        var users: [String: DirectoryUser] = [:]
        var groups: [String: Set<String>] = [:]
        /// User IDs, each time that something about them changed.
        var changes: [String] = []
        var voice = Voice.clear
        /// Where it says that it stands.
        var position = LogPosition()
        /// Of every question for somebody's groups: the position that it demanded.
        var asked: [LogPosition] = []
    }

    /// How it tells about changes.
    enum Voice: Sendable {
        case clear
        /// Says nothing at all, not even that there is nothing.
        case silent
        /// Refuses to tell.
        case refused
    }

    private let people = Mutex(People())

    func stand(at position: LogPosition) { people.withLock { $0.position = position } }

    func speak(_ voice: Voice) { people.withLock { $0.voice = voice } }

    /// The positions that were demanded by questions for somebody's groups.
    var asked: [LogPosition] { people.withLock { $0.asked } }

    func add(user id: String, enabled: Bool = true) {
        var user = DirectoryUser()
        user.userID = id
        user.userName = "name-of-\(id)"
        user.enabled = enabled
        people.withLock { people in
            people.users[id] = user
            people.changes.append(id)
        }
    }

    func remove(user id: String) {
        people.withLock { people in
            people.users[id] = nil
            people.changes.append(id)
        }
    }

    func add(group id: String, members: Set<String> = []) {
        people.withLock { people in
            people.changes += members.union(people.groups[id] ?? [])
            people.groups[id] = members
        }
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
                let userID = try user(request.userID).userID
                var response = DirectoryListGroupsOfUserResponse()
                response.groups = people.withLock { people in
                    people.asked.append(request.atLeast)
                    return people.groups.filter { $1.contains(userID) }.keys.sorted().map { id in
                        var group = DirectoryListGroupsOfUserResponse.GroupOfUser()
                        group.groupID = id
                        return group
                    }
                }
                return try MessageCoding.encode(response)
            })
        table.register(
            DirectoryMethods.watchPeople,
            .serverStreaming { [self] _, _, writer in try await tell(ResponseWriter(writer)) })
        return table
    }

    private func tell(_ responses: ResponseWriter<DirectoryWatchPeopleResponse>) async throws {
        var told: Int?
        while true {
            let (voice, changes, position) = people.withLock {
                ($0.voice, $0.changes, $0.position)
            }
            switch voice {
            case .clear:
                var response = DirectoryWatchPeopleResponse()
                response.everybody = told == nil
                response.userIds = told.map { Array(changes[$0...]) } ?? []
                response.position = position
                try await responses.write(response)
                told = changes.count
            case .silent: break
            case .refused:
                throw RPCError(.unavailable, reason: "STATE_LOADING", message: "Not yet.")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func user(_ id: String) throws -> DirectoryUser {
        guard let user = people.withLock({ $0.users[id.lowercased()] }) else {
            throw RPCError(.notFound, reason: "USER_NOT_FOUND", message: "None.")
        }
        return user
    }
}
