import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension SSOAdminAPI {
    var permissionSetOperations: [JSONOperation] {
        [
            JSONOperation("CreatePermissionSet", .change, createPermissionSet),
            JSONOperation("DescribePermissionSet", .use) { (input: Input, call) in
                let set = try await permissionSet(input, "sso:DescribePermissionSet", call)
                return PermissionSetOutput(permissionSet: PermissionSet(set))
            },
            JSONOperation("ListPermissionSets", .use, listPermissionSets),
            JSONOperation("UpdatePermissionSet", .change, updatePermissionSet),
            JSONOperation("DeletePermissionSet", .change) { (input: Input, call) in
                let arn = try input.set()
                try admit(input.instanceArn, "sso:DeletePermissionSet", [arn], call)
                _ = try await permissions.deletePermissionSet(
                    .with { $0.permissionSetArn = arn }, options: options(call))
                return NoOutput()
            },
        ]
    }

    struct PermissionSet: Encodable, Sendable {
        let name: String
        let permissionSetArn: String
        let description: String?
        let createdDate: Date
        let sessionDuration: String
        let relayState: String?

        init(_ set: PermissionPermissionSet) {
            name = set.name
            permissionSetArn = set.permissionSetArn
            description = set.description_p.ifNotEmpty
            createdDate = Date(microseconds: set.createdAtUs)
            sessionDuration = ISODuration.text(set.sessionDurationSeconds)
            relayState = set.relayState.ifNotEmpty
        }
    }

    struct PermissionSetOutput: Encodable, Sendable {
        let permissionSet: PermissionSet
    }

    struct PermissionSetInput: Decodable, Sendable {
        let instanceArn: String
        let permissionSetArn: String?
        let name: String?
        let description: String?
        let sessionDuration: String?
        let relayState: String?
        let tags: [Tag]?

        /// Tags are not kept here, and saying so is better than dropping them.
        struct Tag: Decodable, Sendable {
            let key: String
        }

        func apply(to set: inout PermissionPermissionSet) throws {
            if let description { set.description_p = description }
            if let relayState { set.relayState = relayState }
            if let sessionDuration {
                set.sessionDurationSeconds = try ISODuration.seconds(sessionDuration)
            }
        }
    }

    private func createPermissionSet(
        _ input: PermissionSetInput, _ call: AWSCall
    ) async throws -> PermissionSetOutput {
        try admit(input.instanceArn, "sso:CreatePermissionSet", [], call)
        guard let name = input.name else { throw AWSError.missing("name") }
        guard input.tags?.isEmpty != false else {
            throw AWSError.validation("Permission sets have no tags here.")
        }
        var request = PermissionCreatePermissionSetRequest()
        request.permissionSet.name = name
        try input.apply(to: &request.permissionSet)
        let answer = try await permissions.createPermissionSet(request, options: options(call))
        return PermissionSetOutput(permissionSet: PermissionSet(answer.permissionSet))
    }

    struct ListPermissionSetsOutput: Encodable, Sendable {
        let permissionSets: [String]
        let nextToken: String?
    }

    private func listPermissionSets(
        _ input: Input, _ call: AWSCall
    ) async throws -> ListPermissionSetsOutput {
        try admit(input.instanceArn, "sso:ListPermissionSets", [], call)
        let size = try Self.size(input.maxResults)
        let answer = try await permissions.listPermissionSets(
            .with {
                $0.pageSize = size
                $0.pageToken = input.nextToken ?? ""
            }, options: options(call))
        return ListPermissionSetsOutput(
            permissionSets: answer.permissionSets.map(\.permissionSetArn),
            nextToken: answer.nextPageToken.ifNotEmpty)
    }

    private func updatePermissionSet(
        _ input: PermissionSetInput, _ call: AWSCall
    ) async throws -> NoOutput {
        guard let arn = input.permissionSetArn else { throw AWSError.missing("permissionSetArn") }
        try await change(input.instanceArn, arn, "sso:UpdatePermissionSet", call) {
            try input.apply(to: &$0)
        }
        return NoOutput()
    }

    /// The permission set that an input names, if the caller may.
    func permissionSet(
        _ input: Input, _ action: PolicyAction, _ call: AWSCall
    ) async throws -> PermissionPermissionSet {
        let arn = try input.set()
        try admit(input.instanceArn, action, [arn], call)
        return try await permissionSet(arn, call)
    }

    func permissionSet(_ arn: String, _ call: AWSCall) async throws -> PermissionPermissionSet {
        // A name would be found too, but this API knows ARNs only.
        guard arn.hasPrefix("arn:aws:sso:::permissionSet/") else {
            throw AWSError.validation("PermissionSetArn is malformed.")
        }
        return try await permissions.getPermissionSet(
            .with { $0.permissionSet = arn }, options: options(call)
        ).permissionSet
    }

    /// Changes a permission set unless somebody else has done so meanwhile (ConflictException).
    func change(
        _ instanceARN: String, _ arn: String, _ action: PolicyAction, _ call: AWSCall,
        _ body: (inout PermissionPermissionSet) throws -> Void
    ) async throws {
        try admit(instanceARN, action, [arn], call)
        var set = try await permissionSet(arn, call)
        let version = set.version
        try body(&set)
        _ = try await permissions.updatePermissionSet(
            .with {
                $0.permissionSet = set
                $0.expectedVersion = version
            }, options: options(call))
    }
}

/// Durations as sso-admin has them: "PT1H30M".
enum ISODuration {
    static func text(_ seconds: UInt32) -> String {
        let parts = [(seconds / 3_600, "H"), (seconds / 60 % 60, "M"), (seconds % 60, "S")]
        let text = parts.filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined()
        return "PT" + (text.isEmpty ? "0S" : text)
    }

    /// Throws: `AWSError` ValidationException.
    static func seconds(_ text: String) throws -> UInt32 {
        let pattern = /PT(?:([0-9]{1,5})H)?(?:([0-9]{1,5})M)?(?:([0-9]{1,6})S)?/
        guard text != "PT", let match = text.wholeMatch(of: pattern) else {
            throw AWSError.validation("A duration is written as PT1H30M.")
        }
        func number(_ part: Substring?) -> UInt32 { part.flatMap { UInt32($0) } ?? 0 }
        return number(match.1) * 3_600 + number(match.2) * 60 + number(match.3)
    }
}
