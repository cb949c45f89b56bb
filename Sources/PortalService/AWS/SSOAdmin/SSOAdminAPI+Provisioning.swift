import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

/// Roles follow their permission set by themselves here, so provisioning finds nothing to do.
extension SSOAdminAPI {
    var provisioningOperations: [JSONOperation] {
        [
            JSONOperation("ProvisionPermissionSet", .change, provision),
            JSONOperation("DescribePermissionSetProvisioningStatus", .use) {
                (input: ProvisioningStatusInput, call) in
                try admit(
                    input.instanceArn, "sso:DescribePermissionSetProvisioningStatus", [], call)
                return ProvisioningOutput(
                    permissionSetProvisioningStatus: try status(
                        input.provisionPermissionSetRequestId))
            },
            JSONOperation("ListPermissionSetsProvisionedToAccount", .use) { (input: Input, call) in
                let account = try input.account()
                try admit(
                    input.instanceArn, "sso:ListPermissionSetsProvisionedToAccount",
                    [Self.account(account)], call)
                let found = try await assignments(account: account, set: "", call)
                let page = try Self.page(Array(Set(found.map(\.permissionSetArn))), input) { $0 }
                return ListPermissionSetsOutput(
                    permissionSets: page.items, nextToken: page.nextToken)
            },
            JSONOperation("ListAccountsForProvisionedPermissionSet", .use) { (input: Input, call) in
                let set = try input.set()
                try admit(
                    input.instanceArn, "sso:ListAccountsForProvisionedPermissionSet", [set], call)
                let found = try await assignments(account: "", set: set, call)
                let page = try Self.page(Array(Set(found.map(\.accountID))), input) { $0 }
                return AccountsOutput(accountIds: page.items, nextToken: page.nextToken)
            },
        ]
    }

    struct AccountsOutput: Encodable, Sendable {
        let accountIds: [String]
        let nextToken: String?
    }

    struct ProvisionInput: Decodable, Sendable {
        let instanceArn: String
        let permissionSetArn: String
        let targetType: String
        let targetId: String?
    }

    struct ProvisioningStatusInput: Decodable, Sendable {
        let instanceArn: String
        let provisionPermissionSetRequestId: String
    }

    struct ProvisioningOutput: Encodable, Sendable {
        let permissionSetProvisioningStatus: Status

        struct Status: Encodable, Sendable {
            let status: String
            let requestId: String
            let accountId: String?
            let permissionSetArn: String
            let createdDate: Date
        }
    }

    private func provision(
        _ input: ProvisionInput, _ call: AWSCall
    ) async throws -> ProvisioningOutput {
        try admit(
            input.instanceArn, "sso:ProvisionPermissionSet", [input.permissionSetArn], call)
        guard (input.targetType == "AWS_ACCOUNT") == (input.targetId != nil),
            ["AWS_ACCOUNT", "ALL_PROVISIONED_ACCOUNTS"].contains(input.targetType)
        else {
            throw AWSError.validation(
                "TargetType is AWS_ACCOUNT with TargetId, or ALL_PROVISIONED_ACCOUNTS.")
        }
        _ = try await permissionSet(input.permissionSetArn, call)
        return ProvisioningOutput(
            permissionSetProvisioningStatus: try status(
                requests.add(
                    .init(
                        kind: .provisioning, accountID: input.targetId ?? "",
                        permissionSetARN: input.permissionSetArn, principalType: "",
                        principalID: "", date: now()))))
    }

    private func status(_ id: String) throws -> ProvisioningOutput.Status {
        guard let entry = requests.entry(id, .provisioning) else {
            throw AWSError("ResourceNotFoundException", "There was no such request lately.")
        }
        return .init(
            status: "SUCCEEDED", requestId: id, accountId: entry.accountID.ifNotEmpty,
            permissionSetArn: entry.permissionSetARN, createdDate: entry.date)
    }

    /// All assignments of an account or of a permission set.
    private func assignments(
        account: String, set: String, _ call: AWSCall
    ) async throws -> [PermissionAccountAssignment] {
        var found: [PermissionAccountAssignment] = []
        var token = ""
        repeat {
            let page = try await permissions.listAccountAssignments(
                .with {
                    $0.accountID = account
                    $0.permissionSetArn = set
                    $0.pageSize = 1_000
                    $0.pageToken = token
                }, options: options(call))
            found += page.assignments
            token = page.nextPageToken
        } while !token.isEmpty
        return found
    }
}
