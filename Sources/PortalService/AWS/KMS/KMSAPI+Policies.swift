import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    /// The only name that a key policy has.
    private static let policyName = "default"

    var policyOperations: [JSONOperation] {
        [
            JSONOperation("GetKeyPolicy", .use, getKeyPolicy),
            JSONOperation("PutKeyPolicy", .change, putKeyPolicy),
            JSONOperation("ListKeyPolicies", .use, listKeyPolicies),
        ]
    }

    struct GetKeyPolicyInput: Decodable, Sendable, TrailDescribed {
        let keyId: String
        let policyName: String?

        var trailParameters: [String: any Sendable] { ["keyId": keyId] }
    }

    struct GetKeyPolicyOutput: Encodable, Sendable {
        let policy: String
        let policyName: String
    }

    private func getKeyPolicy(
        _ input: GetKeyPolicyInput, _ call: AWSCall
    ) async throws -> GetKeyPolicyOutput {
        try Self.check(policyName: input.policyName)
        let answer = try await keys.management.getKeyPolicy(
            .with { $0.keyID = input.keyId }, options: keys.options(call))
        return GetKeyPolicyOutput(policy: answer.policy, policyName: Self.policyName)
    }

    struct PutKeyPolicyInput: Decodable, Sendable {
        let keyId: String
        let policyName: String?
        let policy: String
        let bypassPolicyLockoutSafetyCheck: Bool?
    }

    private func putKeyPolicy(_ input: PutKeyPolicyInput, _ call: AWSCall) async throws -> NoOutput
    {
        try Self.check(policyName: input.policyName)
        _ = try await keys.management.putKeyPolicy(
            .with {
                $0.keyID = input.keyId
                $0.policy = input.policy
                $0.bypassPolicyLockoutSafetyCheck = input.bypassPolicyLockoutSafetyCheck ?? false
            }, options: keys.options(call))
        return NoOutput()
    }

    struct ListKeyPoliciesInput: Decodable, Sendable, TrailDescribed {
        let keyId: String
        let limit: Int?

        var trailParameters: [String: any Sendable] { ["keyId": keyId] }
    }

    struct ListKeyPoliciesOutput: Encodable, Sendable {
        let policyNames: [String]
        let truncated: Bool
    }

    private func listKeyPolicies(
        _ input: ListKeyPoliciesInput, _ call: AWSCall
    ) async throws -> ListKeyPoliciesOutput {
        _ = try KMSPaging.size(input.limit)
        let answer = try await keys.management.listKeyPolicies(
            .with { $0.keyID = input.keyId }, options: keys.options(call))
        return ListKeyPoliciesOutput(policyNames: answer.policyNames, truncated: false)
    }

    private static func check(policyName: String?) throws {
        guard policyName == nil || policyName == Self.policyName else {
            throw AWSError("NotFoundException", "A key policy is always named \"default\".")
        }
    }
}
