import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

/// Memberships by their own IDs, which stay the same until the membership ends.
extension IdentityStoreAPI {
    var membershipWriteOperations: [JSONOperation] {
        [
            JSONOperation("CreateGroupMembership", .change, createMembership),
            JSONOperation("DescribeGroupMembership", .use, describeMembership),
            JSONOperation("DeleteGroupMembership", .change, deleteMembership),
        ]
    }

    private func createMembership(
        _ input: MembershipsInput, _ call: AWSCall
    ) async throws -> MembershipIDOutput {
        let (group, member) = (try input.group(), try input.member())
        let snapshot = try admitWrite(
            input.identityStoreId, "identitystore:CreateGroupMembership",
            [.named(.group, group), .named(.user, member), .membership], call)
        let made = try await directory.createMembership(
            .with {
                $0.groupID = group
                $0.userID = member
            }, options: options(call))
        return MembershipIDOutput(made.membership.membershipID, snapshot)
    }

    private func describeMembership(
        _ input: IdentityStoreReference, _ call: AWSCall
    ) async throws -> IdentityStore.Membership {
        let action: PolicyAction = "identitystore:DescribeGroupMembership"
        let id = try Self.membershipID(input)
        let snapshot = try admit(
            input.identityStoreId, action, [.named(.membership, id)], call)
        let found = try await membership(id, action, call)
        return IdentityStore.Membership(
            snapshot, id: found.membershipID, group: found.groupID, user: found.userID,
            createdAt: found.createdAtUs)
    }

    /// Ending what has ended already is done.
    private func deleteMembership(
        _ input: IdentityStoreReference, _ call: AWSCall
    ) async throws -> NoOutput {
        let action: PolicyAction = "identitystore:DeleteGroupMembership"
        let id = try Self.membershipID(input)
        try admitWrite(input.identityStoreId, action, [.named(.membership, id)], call)
        do {
            _ = try await membership(id, action, call)
            _ = try await directory.deleteMembership(
                .with { $0.membershipID = id }, options: options(call))
        } catch let error as RPCError where error.code == .notFound {}
        return NoOutput()
    }

    private static func membershipID(_ input: IdentityStoreReference) throws -> String {
        guard let text = input.membershipId else { throw AWSError.missing("membershipId") }
        return try IdentityStoreNames.id(text, .membership, "membershipId")
    }

    /// The membership, if the caller may do this with its group and its member too: a policy can keep
    /// people away from one group.
    private func membership(
        _ id: String, _ action: PolicyAction, _ call: AWSCall
    ) async throws -> DirectoryMembership {
        let found = try await directory.getMembership(
            .with { $0.membershipID = id }, options: options(call)
        ).membership
        try authorizer.require(
            action,
            on: [
                IdentityStoreNames.arn(.group, found.groupID),
                IdentityStoreNames.arn(.user, found.userID),
            ], call)
        return found
    }
}
