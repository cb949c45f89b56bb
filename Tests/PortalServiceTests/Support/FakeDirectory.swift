import Contracts
import Foundation
import RPC
import Synchronization

/// Users and groups in memory, with the directory's refusals.
final class FakeDirectory: Sendable {
    struct Content {
        var users: [String: DirectoryUser] = [:]
        var groups: [String: DirectoryGroup] = [:]
        var members: [String: Set<String>] = [:]
        /// Group and user by membership ID.
        var memberships: [String: (group: String, user: String)] = [:]
        var actors: [String] = []
        /// So many updates of users are refused, as if somebody else had been quicker.
        var updatesRefused = 0
    }

    let content = Mutex(Content())

    func add(_ name: String, id: String? = nil, enabled: Bool = true) {
        var user = DirectoryUser()
        user.userID = id ?? UUID().uuidString.lowercased()
        user.userName = name
        user.displayName = "Alix <b>Example</b>"
        user.name.givenName = "Alix"
        user.enabled = enabled
        user.version = 1
        content.withLock { [user] in $0.users[user.userID] = user }
    }

    func addGroup(_ name: String, id: String, members: Set<String>) {
        var group = DirectoryGroup()
        group.groupID = id
        group.displayName = name
        group.version = 1
        content.withLock { [group] in
            $0.groups[id] = group
            $0.members[id] = members
        }
    }

    func setEnabled(_ id: String, _ enabled: Bool) {
        content.withLock { $0.users[id]?.enabled = enabled }
    }

    static func missing(_ reason: String) -> RPCError {
        RPCError(.notFound, reason: reason, message: "not there")
    }

    var channel: any CallChannel {
        var table = MethodTable()
        registerReads(&table)
        registerUserWrites(&table)
        registerGroups(&table)
        registerGroupWrites(&table)
        registerMemberships(&table)
        return table.channel
    }

    private func registerReads(_ table: inout MethodTable) {
        table.answer(DirectoryMethods.getUser) { (request: DirectoryGetUserRequest, _) in
            var answer = DirectoryGetUserResponse()
            guard let user = self.content.withLock({ $0.users[request.userID] }) else {
                throw Self.missing("USER_NOT_FOUND")
            }
            answer.user = user
            return answer
        }
        table.answer(DirectoryMethods.findUser) { (request: DirectoryFindUserRequest, _) in
            var answer = DirectoryFindUserResponse()
            let found = self.content.withLock { content in
                content.users.values.first {
                    request.userName.isEmpty
                        ? $0.externalID == request.externalID
                        : $0.userName.lowercased() == request.userName.lowercased()
                }
            }
            guard let found else { throw Self.missing("USER_NOT_FOUND") }
            answer.user = found
            return answer
        }
        table.answer(DirectoryMethods.listUsers) { (request: DirectoryListUsersRequest, _) in
            var answer = DirectoryListUsersResponse()
            let users = self.content.withLock { $0.users.values.sorted { $0.userID < $1.userID } }
            answer.users = Array(
                users.dropFirst(Int(request.offset)).prefix(Int(request.pageSize)))
            answer.total = UInt64(users.count)
            return answer
        }
        table.answer(DirectoryMethods.listGroupsOfUser) {
            (request: DirectoryListGroupsOfUserRequest, _) in
            var answer = DirectoryListGroupsOfUserResponse()
            answer.groups = self.content.withLock { content in
                content.members.filter { $0.value.contains(request.userID) }.keys.sorted().map {
                    var group = DirectoryListGroupsOfUserResponse.GroupOfUser()
                    group.groupID = $0
                    return group
                }
            }
            return answer
        }
    }

    private func registerUserWrites(_ table: inout MethodTable) {
        table.answer(DirectoryMethods.createUser) {
            (request: DirectoryCreateUserRequest, context) in
            var answer = DirectoryCreateUserResponse()
            answer.user = request.user
            answer.user.userID = UUID().uuidString.lowercased()
            answer.user.version = 1
            try self.content.withLock { [answer] content in
                content.actors.append(context.metadata["portolan-actor-bin"] ?? "")
                let name = request.user.userName.lowercased()
                guard !content.users.values.contains(where: { $0.userName.lowercased() == name })
                else {
                    throw RPCError(.alreadyExists, reason: "USER_NAME_TAKEN", message: "taken")
                }
                content.users[answer.user.userID] = answer.user
            }
            return answer
        }
        table.answer(DirectoryMethods.updateUser) { (request: DirectoryUpdateUserRequest, _) in
            var answer = DirectoryUpdateUserResponse()
            answer.user = request.user
            try self.content.withLock { content in
                let version = content.users[request.user.userID]?.version ?? 0
                if content.updatesRefused > 0 {
                    content.updatesRefused -= 1
                    throw Self.changed
                }
                guard request.expectedVersion == 0 || request.expectedVersion == version else {
                    throw Self.changed
                }
                answer.user.version = version + 1
                content.users[request.user.userID] = answer.user
            }
            return answer
        }
        table.answer(DirectoryMethods.deleteUser) { (request: DirectoryDeleteUserRequest, _) in
            guard self.content.withLock({ $0.users.removeValue(forKey: request.userID) }) != nil
            else { throw Self.missing("USER_NOT_FOUND") }
            return DirectoryDeleteUserResponse()
        }
    }

    private func registerGroups(_ table: inout MethodTable) {
        table.answer(DirectoryMethods.getGroup) { (request: DirectoryGetGroupRequest, _) in
            var answer = DirectoryGetGroupResponse()
            guard let group = self.content.withLock({ $0.groups[request.groupID] }) else {
                throw Self.missing("GROUP_NOT_FOUND")
            }
            answer.group = group
            return answer
        }
        table.answer(DirectoryMethods.listMembers) { (request: DirectoryListMembersRequest, _) in
            var answer = DirectoryListMembersResponse()
            answer.members = self.content.withLock { content in
                (content.members[request.groupID] ?? []).sorted().map {
                    var member = DirectoryListMembersResponse.Member()
                    member.userID = $0
                    return member
                }
            }
            return answer
        }
        table.answer(DirectoryMethods.changeMembers) {
            (request: DirectoryChangeMembersRequest, _) in
            try self.content.withLock { content in
                guard request.addUserIds.allSatisfy({ content.users[$0] != nil }) else {
                    throw Self.missing("USER_NOT_FOUND")
                }
                var members = request.replaceAll ? [] : content.members[request.groupID] ?? []
                members.formUnion(request.addUserIds)
                members.subtract(request.removeUserIds)
                content.members[request.groupID] = members
            }
            return DirectoryChangeMembersResponse()
        }
    }
}
