import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension IdentityStoreAPI {
    private static let groupsAskedMax = 100

    var membershipOperations: [JSONOperation] {
        [
            JSONOperation("ListGroupMemberships", .use, listGroupMemberships),
            JSONOperation("ListGroupMembershipsForMember", .use, listGroupMembershipsForMember),
            JSONOperation("GetGroupMembershipId", .use, getGroupMembershipID),
            JSONOperation("IsMemberInGroups", .use, isMemberInGroups),
        ]
    }

    struct MembershipsInput: Decodable, Sendable, TrailDescribed {
        let identityStoreId: String
        let groupId: String?
        let memberId: IdentityStore.MemberID?
        let groupIds: [String]?
        let maxResults: Int?
        let nextToken: String?

        var trailParameters: [String: any Sendable] {
            var parameters: [String: any Sendable] = ["identityStoreId": identityStoreId]
            parameters["groupId"] = groupId
            parameters["memberId"] = memberId?.userId
            return parameters
        }

        func group() throws -> String {
            guard let groupId else { throw AWSError.missing("groupId") }
            return try IdentityStoreNames.id(groupId, .group, "groupId")
        }

        func member() throws -> String {
            guard let memberId else { throw AWSError.missing("memberId") }
            return try IdentityStoreNames.id(memberId.userId, .user, "memberId.userId")
        }
    }

    struct MembershipsOutput: Encodable, Sendable {
        let groupMemberships: [IdentityStore.Membership]
        let nextToken: String?
    }

    private func listGroupMemberships(
        _ input: MembershipsInput, _ call: AWSCall
    ) async throws -> MembershipsOutput {
        let (group, size) = (try input.group(), try Self.size(input.maxResults))
        let snapshot = try admit(
            input.identityStoreId, "identitystore:ListGroupMemberships",
            [.named(.group, group), .membership], call)
        let answer: DirectoryListMembersResponse
        do {
            answer = try await directory.listMembers(
                .with {
                    $0.groupID = group
                    $0.pageSize = size
                    $0.pageToken = input.nextToken ?? ""
                }, options: options(call))
        } catch let error as RPCError where error.code == .notFound {
            throw IdentityStoreFailure.notFound("GROUP", group)
        }
        return MembershipsOutput(
            groupMemberships: answer.members.map {
                .init(snapshot, id: $0.membershipID, group: group, user: $0.userID)
            }, nextToken: answer.nextPageToken.ifNotEmpty)
    }

    /// All groups of a person come at once; a page goes on after the last group's ID.
    private func listGroupMembershipsForMember(
        _ input: MembershipsInput, _ call: AWSCall
    ) async throws -> MembershipsOutput {
        let (member, size) = (try input.member(), Int(try Self.size(input.maxResults)))
        let snapshot = try admit(
            input.identityStoreId, "identitystore:ListGroupMembershipsForMember",
            [.named(.user, member), .membership], call)
        let rest = try await groups(of: member, call).drop { $0.groupID <= input.nextToken ?? "" }
        let page = rest.prefix(size)
        return MembershipsOutput(
            groupMemberships: page.map {
                .init(snapshot, id: $0.membershipID, group: $0.groupID, user: member)
            }, nextToken: rest.count > page.count ? page.last?.groupID : nil)
    }

    struct MembershipIDOutput: Encodable, Sendable {
        let identityStoreId: String
        let membershipId: String
        let membershipArn: String

        init(_ id: String, _ snapshot: InstanceSnapshot) {
            identityStoreId = snapshot.instance.identityStoreID
            membershipId = id
            membershipArn = IdentityStoreNames.arn(.membership, id)
        }
    }

    private func getGroupMembershipID(
        _ input: MembershipsInput, _ call: AWSCall
    ) async throws -> MembershipIDOutput {
        let (group, member) = (try input.group(), try input.member())
        let snapshot = try admit(
            input.identityStoreId, "identitystore:GetGroupMembershipId",
            [.named(.user, member), .named(.group, group), .membership], call)
        guard let found = try await groups(of: member, call).first(where: { $0.groupID == group })
        else { throw IdentityStoreFailure.notFound("GROUP_MEMBERSHIP", "") }
        return MembershipIDOutput(found.membershipID, snapshot)
    }

    struct IsMemberOutput: Encodable, Sendable {
        let results: [Result]

        struct Result: Encodable, Sendable {
            let groupId: String
            let memberId: IdentityStore.MemberID
            let membershipExists: Bool
        }
    }

    private func isMemberInGroups(
        _ input: MembershipsInput, _ call: AWSCall
    ) async throws -> IsMemberOutput {
        let member = try input.member()
        guard let given = input.groupIds, (1...Self.groupsAskedMax).contains(given.count) else {
            throw AWSError.validation("1 to \(Self.groupsAskedMax) groups can be asked about.")
        }
        let asked = try given.map { try IdentityStoreNames.id($0, .group, "groupIds") }
        try admit(
            input.identityStoreId, "identitystore:IsMemberInGroups",
            [.named(.user, member), .membership] + asked.map { .named(.group, $0) }, call)
        let groups = Set(try await groups(of: member, call).map(\.groupID))
        return IsMemberOutput(
            results: asked.map {
                .init(
                    groupId: $0, memberId: .init(userId: member),
                    membershipExists: groups.contains($0))
            })
    }

    private func groups(
        of member: String, _ call: AWSCall
    ) async throws -> [DirectoryListGroupsOfUserResponse.GroupOfUser] {
        do {
            return try await directory.listGroupsOfUser(
                .with { $0.userID = member }, options: options(call)
            ).groups
        } catch let error as RPCError where error.code == .notFound {
            throw IdentityStoreFailure.notFound("USER", member)
        }
    }
}
