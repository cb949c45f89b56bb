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
            return groupId
        }

        func member() throws -> String {
            guard let memberId else { throw AWSError.missing("memberId") }
            return memberId.userId
        }
    }

    struct MembershipsOutput: Encodable, Sendable {
        let groupMemberships: [IdentityStore.Membership]
        let nextToken: String?
    }

    private func listGroupMemberships(
        _ input: MembershipsInput, _ call: AWSCall
    ) async throws -> MembershipsOutput {
        let snapshot = try admit(
            input.identityStoreId, "identitystore:ListGroupMemberships", [.group, .membership],
            call)
        let (group, size) = (try input.group(), try Self.size(input.maxResults))
        let answer: DirectoryListMembersResponse
        do {
            answer = try await directory.listMembers(
                .with {
                    $0.groupID = group
                    $0.pageSize = size
                    $0.pageToken = input.nextToken ?? ""
                }, options: options(call))
        } catch let error as RPCError where error.code == .notFound {
            throw Self.notFound("GROUP", group)
        }
        return MembershipsOutput(
            groupMemberships: answer.members.map {
                .init(
                    identityStoreId: snapshot.instance.identityStoreID,
                    membershipId: $0.membershipID, groupId: group,
                    memberId: .init(userId: $0.userID))
            }, nextToken: answer.nextPageToken.ifNotEmpty)
    }

    /// All groups of a person come at once; a page goes on after the last group's ID.
    private func listGroupMembershipsForMember(
        _ input: MembershipsInput, _ call: AWSCall
    ) async throws -> MembershipsOutput {
        let snapshot = try admit(
            input.identityStoreId, "identitystore:ListGroupMembershipsForMember",
            [.user, .membership], call)
        let (member, size) = (try input.member(), Int(try Self.size(input.maxResults)))
        let rest = try await groups(of: member, call).drop { $0.groupID <= input.nextToken ?? "" }
        let page = rest.prefix(size)
        return MembershipsOutput(
            groupMemberships: page.map {
                .init(
                    identityStoreId: snapshot.instance.identityStoreID,
                    membershipId: $0.membershipID, groupId: $0.groupID,
                    memberId: .init(userId: member))
            }, nextToken: rest.count > page.count ? page.last?.groupID : nil)
    }

    struct MembershipIDOutput: Encodable, Sendable {
        let identityStoreId: String
        let membershipId: String
    }

    private func getGroupMembershipID(
        _ input: MembershipsInput, _ call: AWSCall
    ) async throws -> MembershipIDOutput {
        let snapshot = try admit(
            input.identityStoreId, "identitystore:GetGroupMembershipId",
            [.user, .group, .membership], call)
        let (group, member) = (try input.group(), try input.member())
        guard let found = try await groups(of: member, call).first(where: { $0.groupID == group })
        else { throw Self.notFound("GROUP_MEMBERSHIP", "") }
        return MembershipIDOutput(
            identityStoreId: snapshot.instance.identityStoreID, membershipId: found.membershipID)
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
        _ = try admit(
            input.identityStoreId, "identitystore:IsMemberInGroups",
            [.user, .group, .membership], call)
        let member = try input.member()
        guard let asked = input.groupIds, (1...Self.groupsAskedMax).contains(asked.count) else {
            throw AWSError.validation("1 to \(Self.groupsAskedMax) groups can be asked about.")
        }
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
            throw Self.notFound("USER", member)
        }
    }
}
