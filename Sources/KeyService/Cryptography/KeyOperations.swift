import AccessPolicy
import Contracts
import Cryptography
import Foundation
import RPC

/// The cryptographic operations. Everything is in memory, so each runs to its end without waiting.
struct KeyOperations: Sendable {
    static let plaintextByteCountMax = 4096
    static let dataKeyByteCountMax = 1024

    let ring: KeyRing
    let authorizer: KeyAuthorizer
    let meter: UsageMeter

    func encrypt(_ request: KeysEncryptRequest, _ caller: Caller) throws -> KeysEncryptResponse {
        guard (1...Self.plaintextByteCountMax).contains(request.plaintext.count) else {
            throw RPCError.validation(
                "A plaintext has 1 to \(Self.plaintextByteCountMax) bytes; use a data key for more."
            )
        }
        let context = try EncryptionContext(request.encryptionContext)
        let key = try ring.key(request.keyID, .related)
        return try meter.metered("Encrypt", key, caller) {
            try admit(caller, "kms:Encrypt", key, context, request.encryptionAlgorithm)
            var response = KeysEncryptResponse()
            response.ciphertextBlob = try request.plaintext.withUnsafeBytes {
                try seal($0, with: key, context, request.encryptionAlgorithm)
            }
            response.keyID = key.arn
            return response
        }
    }

    func decrypt(_ request: KeysDecryptRequest, _ caller: Caller) throws -> KeysDecryptResponse {
        let context = try EncryptionContext(request.encryptionContext)
        if request.encryptionAlgorithm.oaepHash != nil {
            return try decryptAsymmetric(request, context, caller)
        }
        let blob = try CiphertextBlob(request.ciphertextBlob)
        let key = try keyOf(blob, expected: request.keyID)
        return try meter.metered("Decrypt", key, caller) {
            try admit(caller, "kms:Decrypt", key, context)
            guard let opening = try key.sealingKey(blob.materialID) else {
                throw RPCError.invalidCiphertext
            }
            var response = KeysDecryptResponse()
            response.plaintext = try blob.open(with: opening, context)
            response.keyID = key.arn
            return response
        }
    }

    func reEncrypt(
        _ request: KeysReEncryptRequest, _ caller: Caller
    ) throws -> KeysReEncryptResponse {
        let sourceContext = try EncryptionContext(request.sourceEncryptionContext)
        let context = try EncryptionContext(request.destinationEncryptionContext)
        let destination = try ring.key(request.destinationKeyID, .related)
        let (source, plaintext) = try openSource(request, sourceContext, caller)
        return try meter.metered("ReEncryptTo", destination, caller) {
            let algorithm = request.destinationEncryptionAlgorithm
            try admit(caller, "kms:ReEncryptTo", destination, context, algorithm)
            var response = KeysReEncryptResponse()
            response.ciphertextBlob = try plaintext.withUnsafeBytes {
                try seal($0, with: destination, context, algorithm)
            }
            response.sourceKeyID = source.arn
            response.keyID = destination.arn
            return response
        }
    }

    private func openSource(
        _ request: KeysReEncryptRequest, _ context: EncryptionContext, _ caller: Caller
    ) throws -> (ActiveKey, SecretBytes) {
        let algorithm = request.sourceEncryptionAlgorithm
        if algorithm.oaepHash != nil {
            let source = try ring.key(request.sourceKeyID, .related)
            return try meter.metered("ReEncryptFrom", source, caller) {
                try admit(caller, "kms:ReEncryptFrom", source, context, algorithm)
                return (source, try openAsymmetric(request.ciphertextBlob, with: source, algorithm))
            }
        }
        let blob = try CiphertextBlob(request.ciphertextBlob)
        let source = try keyOf(blob, expected: request.sourceKeyID)
        return try meter.metered("ReEncryptFrom", source, caller) {
            try admit(caller, "kms:ReEncryptFrom", source, context)
            guard let opening = try source.sealingKey(blob.materialID) else {
                throw RPCError.invalidCiphertext
            }
            return (source, try blob.openSecret(with: opening, context))
        }
    }

    func generateDataKey(
        _ request: KeysGenerateDataKeyRequest, _ caller: Caller
    ) throws -> KeysGenerateDataKeyResponse {
        let made = try dataKey(
            request.keyID, request.encryptionContext, request.numberOfBytes, "GenerateDataKey",
            caller)
        var response = KeysGenerateDataKeyResponse()
        response.plaintext = made.secret.withUnsafeBytes { Data($0) }
        response.ciphertextBlob = made.blob
        response.keyID = made.key.arn
        return response
    }

    func generateDataKeyWithoutPlaintext(
        _ request: KeysGenerateDataKeyWithoutPlaintextRequest, _ caller: Caller
    ) throws -> KeysGenerateDataKeyWithoutPlaintextResponse {
        let made = try dataKey(
            request.keyID, request.encryptionContext, request.numberOfBytes,
            "GenerateDataKeyWithoutPlaintext", caller)
        var response = KeysGenerateDataKeyWithoutPlaintextResponse()
        response.ciphertextBlob = made.blob
        response.keyID = made.key.arn
        return response
    }

    private func dataKey(
        _ keyID: String, _ pairs: [String: String], _ numberOfBytes: UInt32, _ operation: String,
        _ caller: Caller
    ) throws -> (secret: SecretBytes, blob: Data, key: ActiveKey) {
        let count = numberOfBytes == 0 ? 32 : Int(numberOfBytes)
        guard count <= Self.dataKeyByteCountMax else {
            throw RPCError.validation("A data key has 1 to \(Self.dataKeyByteCountMax) bytes.")
        }
        return try sealed(keyID, pairs, operation, caller) { try Random.secret(count) }
    }

    /// A fresh secret, sealed with a symmetric key.
    func sealed(
        _ keyID: String, _ pairs: [String: String], _ operation: String, _ caller: Caller,
        make: () throws -> SecretBytes
    ) throws -> (secret: SecretBytes, blob: Data, key: ActiveKey) {
        let context = try EncryptionContext(pairs)
        let key = try ring.key(keyID, .related)
        return try meter.metered(operation, key, caller) {
            try admit(caller, PolicyAction("kms:\(operation)"), key, context)
            do {
                let secret = try make()
                let blob = try secret.withUnsafeBytes {
                    try CiphertextBlob.seal($0, with: key, context)
                }
                return (secret, blob, key)
            } catch let error as CryptographyError {
                throw RPCError.keysInternal(error)
            }
        }
    }

    /// The key that made a ciphertext, which has to be the expected one if one is given.
    private func keyOf(_ blob: CiphertextBlob, expected: String) throws -> ActiveKey {
        guard expected.isEmpty else {
            let key = try ring.key(expected, .related)
            guard key.stored.keyID == blob.keyID else {
                throw RPCError(
                    .invalidArgument, reason: "IncorrectKeyException",
                    message: "The ciphertext was not made with \(key.arn).")
            }
            return key
        }
        guard let key = ring[blob.keyID] else {
            // A blob is not authenticated yet, so its key ID is not repeated as it is.
            let isPlain = blob.keyID.utf8.allSatisfy { (0x21...0x7E).contains($0) }
            throw RPCError.keyNotFound(isPlain ? blob.keyID : "of this ciphertext")
        }
        return key
    }

    /// Policy, then usage, then state: who may not use a key does not learn its state.
    func admit(
        _ caller: Caller, _ action: PolicyAction, _ key: ActiveKey, _ context: EncryptionContext,
        _ algorithm: KeysEncryptionAlgorithm = .symmetricDefault
    ) throws {
        try authorizer.authorize(
            caller, action, on: key, keys: context.conditionKeys, context: context.pairs)
        guard key.stored.usage == .encryptDecrypt else {
            throw RPCError.invalidKeyUsage(
                key.arn, "is for \(key.stored.usage.kmsName), not for ENCRYPT_DECRYPT")
        }
        let isSymmetric = key.stored.spec == .symmetricDefault
        guard isSymmetric == (algorithm.oaepHash == nil) else {
            throw RPCError.invalidKeyUsage(
                key.arn, "is \(key.stored.spec.kmsName) and is not for \(algorithm.kmsName)")
        }
        guard isSymmetric || context.pairs.isEmpty else {
            throw RPCError.validation("RSA has no encryption context.")
        }
        try key.requireUsable()
    }
}
