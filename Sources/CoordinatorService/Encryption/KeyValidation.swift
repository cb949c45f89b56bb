import Contracts
import RPC
import SwiftProtobuf

extension Coordinator {
    /// The encryption that a key gives, after a data key has been made and opened with it.
    ///
    /// With additional Regions the key must be multi-Region and usable in each of them.
    ///
    /// Throws: INVALID_ARGUMENT ValidationException; FAILED_PRECONDITION
    /// REGION_PRECONDITIONS_FAILED; what the keys service says, with its KMS reason.
    func newEncryption(
        _ keyID: String, _ instance: CoordinatorInstance
    ) async throws -> CoordinatorEncryption {
        guard (1...2_048).contains(keyID.utf8.count) else {
            throw RPCError(
                .invalidArgument, reason: "ValidationException",
                message: "Name the KMS key by its ID or ARN. Going back to the service's own key "
                    + "is not supported.")
        }
        let options = CallOptions(timeout: settings.timings.call)
        let metadata = try await keyManagement(in: region)
            .describeKey(.with { $0.keyID = keyID }, options: options).keyMetadata
        guard metadata.keySpec == .symmetricDefault, metadata.keyUsage == .encryptDecrypt,
            !metadata.serviceManaged
        else {
            throw RPCError(
                .invalidArgument, reason: "InvalidKeyUsageException",
                message: "The instance is encrypted by a symmetric customer managed key.")
        }
        try await requirePolicy(metadata, instance, options)
        try await tryOut(metadata.arn, instance, options)
        let others = self.instance.regions.keys.filter { $0 != region }.sorted()
        if !others.isEmpty {
            try await requireKey(metadata, in: others, instance)
        }
        return .with {
            $0.kmsKeyArn = metadata.arn
            $0.multiRegion = metadata.multiRegion
            $0.status = .updating
        }
    }

    /// Both service principals must be allowed, each with the encryption context it uses: found out
    /// now and by name, not when data keys are wrapped anew.
    private func requirePolicy(
        _ key: KeysKeyMetadata, _ instance: CoordinatorInstance, _ options: CallOptions
    ) async throws {
        let store =
            "arn:aws:identitystore::\(instance.ownerAccountID):identitystore/"
            + instance.identityStoreID
        let contexts = [
            "sso.amazonaws.com": ["aws:sso:instance-arn": instance.instanceArn],
            "identitystore.amazonaws.com": ["aws:identitystore:identitystore-arn": store],
        ]
        let client = try keyManagement(in: region)
        var denials: [String] = []
        for (principal, context) in contexts.sorted(by: { $0.key > $1.key }) {
            let answer = try await client.checkKeyAccess(
                .with {
                    $0.keyID = key.keyID
                    $0.principals = [principal]
                    $0.actions = RegionCheck.actions
                    $0.encryptionContext = context
                }, options: options)
            denials += answer.denials.map { "\($0.principal) may not \($0.action)" }
        }
        guard denials.isEmpty else {
            throw RPCError(
                .failedPrecondition, reason: "KEY_POLICY_DENIES",
                message: "The key policy does not let the services use the key: "
                    + "\(denials.joined(separator: "; ")). Do: portolan key policy put "
                    + "\(key.keyID) --baseline-policy")
        }
    }

    private func tryOut(
        _ keyARN: String, _ instance: CoordinatorInstance, _ options: CallOptions
    ) async throws {
        let context = ["aws:sso:instance-arn": instance.instanceArn]
        let client = try cryptography()
        // What the baseline key policy lets the service do: it does not allow kms:Encrypt.
        let sealed = try await client.generateDataKeyWithoutPlaintext(
            .with {
                $0.keyID = keyARN
                $0.encryptionContext = context
            }, options: options)
        let opened = try await client.decrypt(
            .with {
                $0.ciphertextBlob = sealed.ciphertextBlob
                $0.encryptionContext = context
                $0.keyID = keyARN
            }, options: options)
        guard opened.plaintext.count == 32 else {
            throw RPCError(
                .failedPrecondition, reason: "KEY_CHECK_FAILED",
                message: "The key does not give back what it encrypted.")
        }
    }

    private func requireKey(
        _ key: KeysKeyMetadata, in regions: [String], _ instance: CoordinatorInstance
    ) async throws {
        guard key.multiRegion else {
            throw RPCError(
                .failedPrecondition, reason: "KEY_NOT_MULTI_REGION",
                message: "With additional Regions the key must be a multi-Region key.")
        }
        var problems: [CoordinatorProblem] = []
        for other in regions {
            problems += await remoteProblems(of: other, keyARN: key.arn, instance)
        }
        guard problems.isEmpty else { throw RegionPreconditions.refusal(problems) }
    }
}
