import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension SSOAdminAPI {
    var applicationAssignmentOperations: [JSONOperation] {
        [
            JSONOperation("CreateApplicationAssignment", .change) {
                (input: ApplicationAssignmentInput, call) in
                let assignment = try admit(input, "sso:CreateApplicationAssignment", call)
                _ = try await permissions.createApplicationAssignment(
                    .with { $0.assignment = assignment }, options: options(call))
                return NoOutput()
            },
            JSONOperation("DeleteApplicationAssignment", .change) {
                (input: ApplicationAssignmentInput, call) in
                let assignment = try admit(input, "sso:DeleteApplicationAssignment", call)
                _ = try await permissions.deleteApplicationAssignment(
                    .with { $0.assignment = assignment }, options: options(call))
                return NoOutput()
            },
            JSONOperation("DescribeApplicationAssignment", .use, describeApplicationAssignment),
            JSONOperation("ListApplicationAssignments", .use) { (input: ApplicationInput, call) in
                try admit(
                    application: input.applicationArn, "sso:ListApplicationAssignments", call)
                return try await list(input.maxResults, input.nextToken, call) {
                    $0.applicationArn = input.applicationArn
                }
            },
            JSONOperation("ListApplicationAssignmentsForPrincipal", .use, listForPrincipal),
            JSONOperation("GetApplicationAssignmentConfiguration", .use) {
                (input: ApplicationInput, call) in
                try admit(
                    application: input.applicationArn,
                    "sso:GetApplicationAssignmentConfiguration", call)
                let found = try await application(input.applicationArn, call)
                return ConfigurationOutput(assignmentRequired: !found.assignmentNotRequired)
            },
            JSONOperation("PutApplicationAssignmentConfiguration", .change, putConfiguration),
        ]
    }

    struct ApplicationAssignmentInput: Decodable, Sendable, TrailDescribed {
        let applicationArn, principalId, principalType: String

        var trailParameters: [String: any Sendable] {
            [
                "applicationArn": applicationArn, "principalId": principalId,
                "principalType": principalType,
            ]
        }
    }

    struct ApplicationAssignment: Encodable, Sendable {
        let applicationArn, principalId, principalType: String

        init(_ assignment: PermissionApplicationAssignment) {
            applicationArn = assignment.applicationArn
            principalId = assignment.principalID
            principalType = assignment.principalType == .group ? "GROUP" : "USER"
        }
    }

    struct ApplicationAssignmentsOutput: Encodable, Sendable {
        let applicationAssignments: [ApplicationAssignment]
        let nextToken: String?
    }

    struct ForPrincipalInput: Decodable, Sendable, TrailDescribed {
        let instanceArn, principalId, principalType: String
        let filter: Filter?
        let maxResults: Int?
        let nextToken: String?

        struct Filter: Decodable, Sendable {
            let applicationArn: String?
        }

        var trailParameters: [String: any Sendable] {
            [
                "instanceArn": instanceArn, "principalId": principalId,
                "principalType": principalType,
            ]
        }
    }

    struct ConfigurationInput: Decodable, Sendable, TrailDescribed {
        let applicationArn: String
        let assignmentRequired: Bool

        var trailParameters: [String: any Sendable] {
            ["applicationArn": applicationArn, "assignmentRequired": assignmentRequired]
        }
    }

    struct ConfigurationOutput: Encodable, Sendable {
        let assignmentRequired: Bool
    }

    private func admit(
        _ input: ApplicationAssignmentInput, _ action: PolicyAction, _ call: AWSCall
    ) throws -> PermissionApplicationAssignment {
        try admit(application: input.applicationArn, action, call)
        var assignment = PermissionApplicationAssignment()
        assignment.applicationArn = input.applicationArn
        assignment.principalType = try ApplicationNames.principalType.value(input.principalType)
        assignment.principalID = try Self.principalID(input.principalId)
        return assignment
    }

    /// As the directory spells it.
    private static func principalID(_ text: String) throws -> String {
        try ApplicationNames.check(principalID: text)
        return text.lowercased()
    }

    private func describeApplicationAssignment(
        _ input: ApplicationAssignmentInput, _ call: AWSCall
    ) async throws -> ApplicationAssignment {
        let wanted = try admit(input, "sso:DescribeApplicationAssignment", call)
        let found = try await list(1, nil, call) {
            $0.applicationArn = wanted.applicationArn
            $0.principalType = wanted.principalType
            $0.principalID = wanted.principalID
        }.applicationAssignments
        guard let assignment = found.first else {
            throw AWSError("ResourceNotFoundException", "There is no such application assignment.")
        }
        return assignment
    }

    /// A user's with those of their groups.
    private func listForPrincipal(
        _ input: ForPrincipalInput, _ call: AWSCall
    ) async throws -> ApplicationAssignmentsOutput {
        let application = input.filter?.applicationArn
        if let application { try ApplicationNames.check(applicationARN: application) }
        try admit(
            input.instanceArn, "sso:ListApplicationAssignmentsForPrincipal",
            application.map { [$0] } ?? [], call)
        let type = try ApplicationNames.principalType.value(input.principalType)
        let id = try Self.principalID(input.principalId)
        return try await list(input.maxResults, input.nextToken, call) {
            $0.principalType = type
            $0.principalID = id
            $0.withGroups = true
            $0.applicationArn = application ?? ""
        }
    }

    private func list(
        _ maxResults: Int?, _ nextToken: String?, _ call: AWSCall,
        _ filter: (inout PermissionListApplicationAssignmentsRequest) -> Void
    ) async throws -> ApplicationAssignmentsOutput {
        var request = PermissionListApplicationAssignmentsRequest()
        request.pageSize = try Self.size(maxResults)
        request.pageToken = nextToken ?? ""
        filter(&request)
        let answer = try await permissions.listApplicationAssignments(
            request, options: options(call))
        return ApplicationAssignmentsOutput(
            applicationAssignments: answer.assignments.map(ApplicationAssignment.init),
            nextToken: answer.nextPageToken.ifNotEmpty)
    }

    private func putConfiguration(
        _ input: ConfigurationInput, _ call: AWSCall
    ) async throws -> NoOutput {
        try admit(
            application: input.applicationArn, "sso:PutApplicationAssignmentConfiguration", call)
        _ = try await permissions.putApplicationAssignmentConfiguration(
            .with {
                $0.applicationArn = input.applicationArn
                $0.assignmentRequired = input.assignmentRequired
            }, options: options(call))
        return NoOutput()
    }
}
