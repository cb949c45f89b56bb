import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension IdentityStoreAPI {
    var groupOperations: [JSONOperation] {
        [
            JSONOperation("DescribeGroup", .use, describeGroup),
            JSONOperation("ListGroups", .use, listGroups),
            JSONOperation("GetGroupId", .use, getGroupID),
        ]
    }

    struct DescribeGroupInput: Decodable, Sendable, TrailDescribed {
        let identityStoreId: String
        let groupId: String

        var trailParameters: [String: any Sendable] {
            ["identityStoreId": identityStoreId, "groupId": groupId]
        }
    }

    private func describeGroup(
        _ input: DescribeGroupInput, _ call: AWSCall
    ) async throws -> IdentityStore.Group {
        let id = try IdentityStoreNames.id(input.groupId, .group, "groupId")
        let snapshot = try admit(
            input.identityStoreId, "identitystore:DescribeGroup", [.named(.group, id)], call)
        return IdentityStore.Group(try await group(id, call), snapshot)
    }

    func group(_ id: String, _ call: AWSCall) async throws -> DirectoryGroup {
        do {
            return try await directory.getGroup(
                .with { $0.groupID = id }, options: options(call)
            ).group
        } catch let error as RPCError where error.code == .notFound {
            throw IdentityStoreFailure.notFound("GROUP", id)
        }
    }

    struct ListGroupsOutput: Encodable, Sendable {
        let groups: [IdentityStore.Group]
        let nextToken: String?
    }

    private func listGroups(_ input: ListInput, _ call: AWSCall) async throws -> ListGroupsOutput {
        let snapshot = try admit(input.identityStoreId, "identitystore:ListGroups", [.group], call)
        let size = try Self.size(input.maxResults)
        if let name = try Self.filter(input.filters, named: "displayname") {
            let found = try await find(group: .with { $0.displayName = name }, call)
            return ListGroupsOutput(
                groups: found.map { [IdentityStore.Group($0, snapshot)] } ?? [], nextToken: nil)
        }
        let answer = try await directory.listGroups(
            .with {
                $0.pageSize = size
                $0.pageToken = input.nextToken ?? ""
            }, options: options(call))
        return ListGroupsOutput(
            groups: answer.groups.map { IdentityStore.Group($0, snapshot) },
            nextToken: answer.nextPageToken.ifNotEmpty)
    }

    struct GetGroupIDOutput: Encodable, Sendable {
        let identityStoreId: String
        let groupId: String
        let groupArn: String
    }

    private func getGroupID(
        _ input: GetUserIDInput, _ call: AWSCall
    ) async throws -> GetGroupIDOutput {
        let snapshot = try admit(input.identityStoreId, "identitystore:GetGroupId", [.group], call)
        let request: DirectoryFindGroupRequest
        switch (input.alternateIdentifier.externalId, input.alternateIdentifier.uniqueAttribute) {
        case (let external?, nil): request = .with { $0.externalID = external.id }
        case (nil, let attribute?) where attribute.attributePath.lowercased() == "displayname":
            request = .with { $0.displayName = attribute.attributeValue }
        default: throw AWSError.validation("Groups are found by displayName or external ID.")
        }
        guard let group = try await find(group: request, call) else {
            throw IdentityStoreFailure.notFound("GROUP", "")
        }
        return GetGroupIDOutput(
            identityStoreId: snapshot.instance.identityStoreID, groupId: group.groupID,
            groupArn: IdentityStoreNames.arn(.group, group.groupID))
    }

    private func find(
        group request: DirectoryFindGroupRequest, _ call: AWSCall
    ) async throws -> DirectoryGroup? {
        do {
            return try await directory.findGroup(request, options: options(call)).group
        } catch let error as RPCError where error.code == .notFound {
            return nil
        }
    }
}
