import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension SSOAdminAPI {
    var assignmentOperations: [JSONOperation] {
        [
            JSONOperation("CreateAccountAssignment", .change, createAssignment),
            JSONOperation("DeleteAccountAssignment", .change, deleteAssignment),
            JSONOperation("DescribeAccountAssignmentCreationStatus", .use) {
                (input: StatusInput, call) in
                try admit(
                    input.instanceArn, "sso:DescribeAccountAssignmentCreationStatus", [], call)
                return CreationOutput(
                    accountAssignmentCreationStatus: try status(
                        input.accountAssignmentCreationRequestId, .creation))
            },
            JSONOperation("DescribeAccountAssignmentDeletionStatus", .use) {
                (input: StatusInput, call) in
                try admit(
                    input.instanceArn, "sso:DescribeAccountAssignmentDeletionStatus", [], call)
                return DeletionOutput(
                    accountAssignmentDeletionStatus: try status(
                        input.accountAssignmentDeletionRequestId, .deletion))
            },
            JSONOperation("ListAccountAssignments", .use, listAssignments),
        ]
    }

    struct AssignmentInput: Decodable, Sendable {
        let instanceArn: String
        let targetId: String
        let targetType: String
        let permissionSetArn: String
        let principalType: String
        let principalId: String

        func type() throws -> PermissionPrincipalType {
            guard targetType == "AWS_ACCOUNT" else {
                throw AWSError.validation("TargetType is AWS_ACCOUNT.")
            }
            switch principalType {
            case "USER": return .user
            case "GROUP": return .group
            default: throw AWSError.validation("PrincipalType is USER or GROUP.")
            }
        }
    }

    struct StatusInput: Decodable, Sendable {
        let instanceArn: String
        let accountAssignmentCreationRequestId: String?
        let accountAssignmentDeletionRequestId: String?
    }

    /// What was asked for is done when the answer goes out.
    struct OperationStatus: Encodable, Sendable {
        let status = "SUCCEEDED"
        let requestId: String
        let targetId: String
        let targetType = "AWS_ACCOUNT"
        let permissionSetArn: String
        let principalType: String
        let principalId: String
        let createdDate: Date
    }

    struct CreationOutput: Encodable, Sendable {
        let accountAssignmentCreationStatus: OperationStatus
    }

    struct DeletionOutput: Encodable, Sendable {
        let accountAssignmentDeletionStatus: OperationStatus
    }

    private func createAssignment(
        _ input: AssignmentInput, _ call: AWSCall
    ) async throws -> CreationOutput {
        let type = try input.type()
        try admit(
            input.instanceArn, "sso:CreateAccountAssignment",
            [input.permissionSetArn, Self.account(input.targetId)], call)
        _ = try await permissions.createAccountAssignment(
            .with {
                $0.accountID = input.targetId
                $0.permissionSetArn = input.permissionSetArn
                $0.principalType = type
                $0.principalID = input.principalId
            }, options: options(call))
        return CreationOutput(accountAssignmentCreationStatus: try done(input, .creation))
    }

    private func deleteAssignment(
        _ input: AssignmentInput, _ call: AWSCall
    ) async throws -> DeletionOutput {
        let type = try input.type()
        try admit(
            input.instanceArn, "sso:DeleteAccountAssignment",
            [input.permissionSetArn, Self.account(input.targetId)], call)
        _ = try await permissions.deleteAccountAssignment(
            .with {
                $0.accountID = input.targetId
                $0.permissionSetArn = input.permissionSetArn
                $0.principalType = type
                $0.principalID = input.principalId
            }, options: options(call))
        return DeletionOutput(accountAssignmentDeletionStatus: try done(input, .deletion))
    }

    private func done(
        _ input: AssignmentInput, _ kind: RequestBook.Kind
    ) throws -> OperationStatus {
        let id = requests.add(
            .init(
                kind: kind, accountID: input.targetId, permissionSetARN: input.permissionSetArn,
                principalType: input.principalType, principalID: input.principalId, date: now()))
        return try status(id, kind)
    }

    private func status(_ id: String?, _ kind: RequestBook.Kind) throws -> OperationStatus {
        guard let id, let entry = requests.entry(id, kind) else {
            throw AWSError("ResourceNotFoundException", "There was no such request lately.")
        }
        return OperationStatus(
            requestId: id, targetId: entry.accountID, permissionSetArn: entry.permissionSetARN,
            principalType: entry.principalType, principalId: entry.principalID,
            createdDate: entry.date)
    }

    struct AssignmentsOutput: Encodable, Sendable {
        let accountAssignments: [Assignment]
        let nextToken: String?

        struct Assignment: Encodable, Sendable {
            let accountId: String
            let permissionSetArn: String
            let principalType: String
            let principalId: String

            init(_ assignment: PermissionAccountAssignment) {
                accountId = assignment.accountID
                permissionSetArn = assignment.permissionSetArn
                principalType = assignment.principalType == .group ? "GROUP" : "USER"
                principalId = assignment.principalID
            }
        }
    }

    private func listAssignments(
        _ input: Input, _ call: AWSCall
    ) async throws -> AssignmentsOutput {
        let (set, account) = (try input.set(), try input.account())
        try admit(
            input.instanceArn, "sso:ListAccountAssignments", [set, Self.account(account)], call)
        let size = try Self.size(input.maxResults)
        let answer = try await permissions.listAccountAssignments(
            .with {
                $0.accountID = account
                $0.permissionSetArn = set
                $0.pageSize = size
                $0.pageToken = input.nextToken ?? ""
            }, options: options(call))
        return AssignmentsOutput(
            accountAssignments: answer.assignments.map(AssignmentsOutput.Assignment.init),
            nextToken: answer.nextPageToken.ifNotEmpty)
    }
}
