import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var multiRegionOperations: [JSONOperation] {
        [
            JSONOperation("ReplicateKey", .change, replicateKey),
            JSONOperation("UpdatePrimaryRegion", .change, updatePrimaryRegion),
        ]
    }

    struct ReplicateKeyInput: Decodable, Sendable {
        let keyId: String
        let replicaRegion: String
        let policy: String?
        let bypassPolicyLockoutSafetyCheck: Bool?
        let description: String?
        let tags: [KMSTag]?
    }

    struct ReplicateKeyOutput: Encodable, Sendable {
        let replicaKeyMetadata: KMSKeyMetadata
        let replicaPolicy: String
        let replicaTags: [KMSTag]
    }

    private func replicateKey(
        _ input: ReplicateKeyInput, _ call: AWSCall
    ) async throws -> ReplicateKeyOutput {
        let answer = try await keys.management.replicateKey(
            .with {
                $0.keyID = input.keyId
                $0.replicaRegion = input.replicaRegion
                $0.policy = input.policy ?? ""
                $0.bypassPolicyLockoutSafetyCheck = input.bypassPolicyLockoutSafetyCheck ?? false
                $0.description_p = input.description ?? ""
                $0.tags = (input.tags ?? []).map(\.contract)
            }, options: keys.options(call))
        return ReplicateKeyOutput(
            replicaKeyMetadata: KMSKeyMetadata(answer.replicaKeyMetadata),
            replicaPolicy: answer.replicaPolicy, replicaTags: answer.replicaTags.map(KMSTag.init))
    }

    struct UpdatePrimaryRegionInput: Decodable, Sendable {
        let keyId: String
        let primaryRegion: String
    }

    private func updatePrimaryRegion(
        _ input: UpdatePrimaryRegionInput, _ call: AWSCall
    ) async throws -> NoOutput {
        _ = try await keys.management.updatePrimaryRegion(
            .with {
                $0.keyID = input.keyId
                $0.primaryRegion = input.primaryRegion
            }, options: keys.options(call))
        return NoOutput()
    }
}
