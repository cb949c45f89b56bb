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
    let rules: AlgorithmRules

    func encrypt(_ request: KeysEncryptRequest, _ caller: Caller) throws -> KeysEncryptResponse {
        guard (1...Self.plaintextByteCountMax).contains(request.plaintext.count) else {
            throw RPCError.validation(
                "A plaintext has 1 to \(Self.plaintextByteCountMax) bytes; use a data key for more."
            )
        }
        let context = try EncryptionContext(request.encryptionContext)
        let key = try ring.key(request.keyID, .related)
        let algorithm = request.encryptionAlgorithm
        let facts = Self.facts(context, algorithm, name: request.keyID)
        return try perform(.encrypt, key, caller, facts, algorithm, request.grantTokens) {
            if request.dryRun { throw RPCError.dryRun }
            var response = KeysEncryptResponse()
            response.ciphertextBlob = try request.plaintext.withUnsafeBytes {
                try seal($0, with: key, context, algorithm)
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
        let facts = Self.facts(context, .unspecified, name: request.keyID)
        return try perform(.decrypt, key, caller, facts, .unspecified, request.grantTokens) {
            let material = try material(of: blob, key)
            let plaintext = try blob.open(with: material.key, context)
            if request.dryRun { throw RPCError.dryRun }
            var response = KeysDecryptResponse()
            response.plaintext = plaintext
            response.keyID = key.arn
            response.keyMaterialID = material.name
            return response
        }
    }

    func reEncrypt(
        _ request: KeysReEncryptRequest, _ caller: Caller
    ) throws -> KeysReEncryptResponse {
        let sourceContext = try EncryptionContext(request.sourceEncryptionContext)
        let context = try EncryptionContext(request.destinationEncryptionContext)
        let destination = try ring.key(request.destinationKeyID, .related)
        let source = try openSource(request, sourceContext, caller, destination)
        let algorithm = request.destinationEncryptionAlgorithm
        var facts = Self.facts(context, algorithm, name: request.destinationKeyID)
        facts.isReEncryptionOnSameKey = source.key.stored.keyID == destination.stored.keyID
        return try perform(
            .reEncryptTo, destination, caller, facts, algorithm, request.grantTokens
        ) {
            if request.dryRun { throw RPCError.dryRun }
            var response = KeysReEncryptResponse()
            response.ciphertextBlob = try source.plaintext.withUnsafeBytes {
                try seal($0, with: destination, context, algorithm)
            }
            response.sourceKeyID = source.key.arn
            response.keyID = destination.arn
            response.sourceKeyMaterialID = source.materialName
            if algorithm.oaepHash == nil {
                response.destinationKeyMaterialID = try destination.currentSealingMaterial().name
            }
            return response
        }
    }

    private func openSource(
        _ request: KeysReEncryptRequest, _ context: EncryptionContext, _ caller: Caller,
        _ destination: ActiveKey
    ) throws -> (key: ActiveKey, plaintext: SecretBytes, materialName: String) {
        let algorithm = request.sourceEncryptionAlgorithm
        let tokens = request.grantTokens
        if algorithm.oaepHash != nil {
            let source = try ring.key(request.sourceKeyID, .related)
            var facts = Self.facts(context, algorithm, name: request.sourceKeyID)
            facts.isReEncryptionOnSameKey = source.stored.keyID == destination.stored.keyID
            return try perform(.reEncryptFrom, source, caller, facts, algorithm, tokens) {
                let opened = try openAsymmetric(request.ciphertextBlob, with: source, algorithm)
                return (source, opened, "")
            }
        }
        let blob = try CiphertextBlob(request.ciphertextBlob)
        let source = try keyOf(blob, expected: request.sourceKeyID)
        var facts = Self.facts(context, .unspecified, name: request.sourceKeyID)
        facts.isReEncryptionOnSameKey = source.stored.keyID == destination.stored.keyID
        return try perform(.reEncryptFrom, source, caller, facts, .unspecified, tokens) {
            let material = try material(of: blob, source)
            return (source, try blob.openSecret(with: material.key, context), material.name)
        }
    }

    private func material(of blob: CiphertextBlob, _ key: ActiveKey) throws -> SealingMaterial {
        guard let material = try key.sealingMaterial(blob.materialID) else {
            throw RPCError.invalidCiphertext
        }
        return material
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

    /// Admits a request that encrypts or decrypts, performs and counts it.
    func perform<Value>(
        _ operation: KeyOperation, _ key: ActiveKey, _ caller: Caller,
        _ facts: RequestFacts, _ algorithm: KeysEncryptionAlgorithm, _ tokens: [String],
        _ body: () throws -> Value
    ) throws -> Value {
        try perform(operation, key, caller, facts, tokens) {
            try requireEncrypting(key, facts.context, algorithm)
            return try body()
        }
    }

    static func facts(
        _ context: EncryptionContext, _ algorithm: KeysEncryptionAlgorithm, name: String
    ) -> RequestFacts {
        RequestFacts(
            context: context,
            algorithm: (key: "kms:encryptionalgorithm", value: algorithm.kmsName),
            alias: KeyReference.alias(in: name))
    }

    /// Asks the policies, performs and counts: who may not use a key does not learn its state.
    func perform<Value>(
        _ operation: KeyOperation, _ key: ActiveKey, _ caller: Caller, _ facts: RequestFacts,
        _ tokens: [String], _ body: () throws -> Value
    ) throws -> Value {
        meter.keepMonth()
        if !tokens.isEmpty { try ring.requireGrants(tokens) }
        let counter = try authorizer.admit(caller, operation, on: key, facts, meter)
        return try UsageMeter.counted(counter, body)
    }

    /// Usage, then algorithm, then state.
    private func requireEncrypting(
        _ key: ActiveKey, _ context: EncryptionContext, _ algorithm: KeysEncryptionAlgorithm
    ) throws {
        guard key.stored.usage == .encryptDecrypt else {
            throw RPCError.invalidKeyUsage(
                key.arn, "is for \(key.stored.usage.kmsName), not for ENCRYPT_DECRYPT")
        }
        let isSymmetric = key.stored.spec == .symmetricDefault
        guard isSymmetric == (algorithm.oaepHash == nil) else {
            throw RPCError.invalidKeyUsage(
                key.arn, "is \(key.stored.spec.kmsName) and is not for \(algorithm.kmsName)")
        }
        if !isSymmetric {
            try rules.require(algorithm.kmsName)
            guard context.pairs.isEmpty else {
                throw RPCError.validation("RSA has no encryption context.")
            }
        }
        try key.requireUsable()
    }
}
