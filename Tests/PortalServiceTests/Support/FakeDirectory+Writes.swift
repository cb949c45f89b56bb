import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Synchronization

/// Groups and single memberships.
extension FakeDirectory {
    static let changed = RPCError(.aborted, reason: "VERSION_CHANGED", message: "changed")

    func registerGroupWrites(_ table: inout MethodTable) {
        table.answer(DirectoryMethods.createGroup) { (request: DirectoryCreateGroupRequest, _) in
            var answer = DirectoryCreateGroupResponse()
            answer.group = request.group
            answer.group.groupID = UUID().uuidString.lowercased()
            answer.group.version = 1
            try self.content.withLock { [answer] content in
                let name = request.group.displayName.lowercased()
                guard
                    !content.groups.values.contains(where: { $0.displayName.lowercased() == name })
                else {
                    throw RPCError(.alreadyExists, reason: "GROUP_NAME_TAKEN", message: "taken")
                }
                content.groups[answer.group.groupID] = answer.group
            }
            return answer
        }
        table.answer(DirectoryMethods.updateGroup) { (request: DirectoryUpdateGroupRequest, _) in
            var answer = DirectoryUpdateGroupResponse()
            answer.group = request.group
            try self.content.withLock { content in
                let version = content.groups[request.group.groupID]?.version ?? 0
                guard [0, version].contains(request.expectedVersion) else { throw Self.changed }
                answer.group.version = version + 1
                content.groups[request.group.groupID] = answer.group
            }
            return answer
        }
        table.answer(DirectoryMethods.deleteGroup) { (request: DirectoryDeleteGroupRequest, _) in
            try self.content.withLock { content in
                guard let group = content.groups[request.groupID] else {
                    throw Self.missing("GROUP_NOT_FOUND")
                }
                guard [0, group.version].contains(request.expectedVersion) else {
                    throw Self.changed
                }
                content.groups[request.groupID] = nil
            }
            return DirectoryDeleteGroupResponse()
        }
    }

    func registerMemberships(_ table: inout MethodTable) {
        table.answer(DirectoryMethods.getMembership) {
            (request: DirectoryGetMembershipRequest, _) in
            guard
                let known = self.content.withLock({ $0.memberships[request.membershipID] })
            else { throw Self.missing("MEMBERSHIP_NOT_FOUND") }
            return .with {
                $0.membership.membershipID = request.membershipID
                $0.membership.groupID = known.group
                $0.membership.userID = known.user
                $0.membership.createdAtUs = 1_780_000_000_000_000
            } as DirectoryGetMembershipResponse
        }
        table.answer(DirectoryMethods.createMembership) {
            (request: DirectoryCreateMembershipRequest, _) in
            let id = UUID().uuidString.lowercased()
            try self.content.withLock { content in
                guard content.groups[request.groupID] != nil else {
                    throw RPCError(
                        .notFound, reason: "GROUP_NOT_FOUND", message: "not there",
                        metadata: ["group-id": request.groupID])
                }
                guard content.users[request.userID] != nil else {
                    throw Self.missing("USER_NOT_FOUND")
                }
                guard
                    content.members[request.groupID, default: []].insert(request.userID).inserted
                else {
                    throw RPCError(.alreadyExists, reason: "MEMBERSHIP_EXISTS", message: "in it")
                }
                content.memberships[id] = (request.groupID, request.userID)
            }
            return .with { $0.membership.membershipID = id } as DirectoryCreateMembershipResponse
        }
        table.answer(DirectoryMethods.deleteMembership) {
            (request: DirectoryDeleteMembershipRequest, _) in
            try self.content.withLock { content in
                guard let known = content.memberships.removeValue(forKey: request.membershipID)
                else { throw Self.missing("MEMBERSHIP_NOT_FOUND") }
                content.members[known.group]?.remove(known.user)
            }
            return DirectoryDeleteMembershipResponse()
        }
    }
}
