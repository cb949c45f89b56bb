import AccessPolicy
import Contracts
import Cryptography
import Foundation
import RPC

extension KeyOperations {
    func sign(_ request: KeysSignRequest, _ caller: Caller) throws -> KeysSignResponse {
        let digest = try digest(
            request.message, isDigest: request.messageIsDigest, request.signingAlgorithm)
        let key = try ring.key(request.keyID, .related)
        return try performSigning(
            .sign, key, caller, request.signingAlgorithm, isDigest: request.messageIsDigest,
            request.grantTokens, name: request.keyID
        ) {
            if request.dryRun { throw RPCError.dryRun }
            var response = KeysSignResponse()
            do {
                response.signature = Data(
                    try signature(of: digest, with: key, request.signingAlgorithm))
            } catch let error as CryptographyError {
                throw RPCError.keysInternal(error)
            }
            response.keyID = key.arn
            return response
        }
    }

    func verify(_ request: KeysVerifyRequest, _ caller: Caller) throws -> KeysVerifyResponse {
        let digest = try digest(
            request.message, isDigest: request.messageIsDigest, request.signingAlgorithm)
        guard (1...6144).contains(request.signature.count) else {
            throw RPCError.validation("A signature has 1 to 6144 bytes.")
        }
        let key = try ring.key(request.keyID, .related)
        return try performSigning(
            .verify, key, caller, request.signingAlgorithm, isDigest: request.messageIsDigest,
            request.grantTokens, name: request.keyID
        ) {
            let isValid: Bool
            do {
                isValid = try self.isValid(
                    [UInt8](request.signature), digest: digest, key, request.signingAlgorithm)
            } catch let error as CryptographyError {
                throw RPCError.keysInternal(error)
            }
            guard isValid else {
                throw RPCError(
                    .invalidArgument, reason: "KMSInvalidSignatureException",
                    message: "The signature is not one of \(key.arn) for this message.")
            }
            if request.dryRun { throw RPCError.dryRun }
            var response = KeysVerifyResponse()
            response.signatureValid = true
            response.keyID = key.arn
            return response
        }
    }

    func publicKey(
        _ request: KeysGetPublicKeyRequest, _ caller: Caller
    ) throws -> KeysGetPublicKeyResponse {
        let key = try ring.key(request.keyID, .related)
        let facts = RequestFacts(alias: KeyReference.alias(in: request.keyID))
        return try perform(.getPublicKey, key, caller, facts, request.grantTokens) {
            guard key.stored.spec.asymmetricKind != nil else {
                throw RPCError.unsupported("\(key.arn) is symmetric and has no public key.")
            }
            try key.requireUsable()
            var response = KeysGetPublicKeyResponse()
            response.keyID = key.arn
            response.publicKey = Data(try key.asymmetricKey().spki)
            response.keySpec = key.stored.spec
            response.keyUsage = key.stored.usage
            return response
        }
    }

    private func signature(
        of digest: [UInt8], with key: ActiveKey, _ algorithm: KeysSigningAlgorithm
    ) throws -> [UInt8] {
        if key.stored.spec == .eccNistP256 { return try key.signingKey().sign(digest: digest) }
        let parts = try Self.parts(algorithm)
        return try key.asymmetricKey().sign(digest: digest, parts.scheme, parts.hash)
    }

    private func isValid(
        _ signature: [UInt8], digest: [UInt8], _ key: ActiveKey, _ algorithm: KeysSigningAlgorithm
    ) throws -> Bool {
        if key.stored.spec == .eccNistP256 {
            return try key.signingKey().publicKey.isValid(signature, digest: digest)
        }
        let parts = try Self.parts(algorithm)
        return try key.asymmetricKey().isValid(
            signature, digest: digest, parts.scheme, parts.hash)
    }

    private func performSigning<Value>(
        _ operation: KeyOperation, _ key: ActiveKey, _ caller: Caller,
        _ algorithm: KeysSigningAlgorithm, isDigest: Bool, _ tokens: [String], name: String,
        _ body: () throws -> Value
    ) throws -> Value {
        let facts = Self.signingFacts(algorithm, isDigest: isDigest, name: name)
        return try perform(operation, key, caller, facts, tokens) {
            guard key.stored.usage == .signVerify else {
                throw RPCError.invalidKeyUsage(
                    key.arn, "is for \(key.stored.usage.kmsName), not for SIGN_VERIFY")
            }
            guard algorithm.fits(key.stored.spec) else {
                throw RPCError.invalidKeyUsage(
                    key.arn,
                    "is \(key.stored.spec.kmsName) and does not sign with \(algorithm.kmsName)")
            }
            try key.requireUsable()
            return try body()
        }
    }

    static func signingFacts(
        _ algorithm: KeysSigningAlgorithm, isDigest: Bool, name: String
    ) -> RequestFacts {
        RequestFacts(
            algorithm: (key: "kms:signingalgorithm", value: algorithm.kmsName),
            messageType: isDigest ? "DIGEST" : "RAW", alias: KeyReference.alias(in: name))
    }

    private static func parts(
        _ algorithm: KeysSigningAlgorithm
    ) throws -> (scheme: AsymmetricKey.Scheme, hash: HashAlgorithm) {
        guard let parts = algorithm.parts else {
            throw RPCError.validation("A signing algorithm is needed.")
        }
        return parts
    }

    private func digest(
        _ message: Data, isDigest: Bool, _ algorithm: KeysSigningAlgorithm
    ) throws -> [UInt8] {
        let hash = try Self.parts(algorithm).hash
        if isDigest {
            guard message.count == hash.byteCount else {
                throw RPCError.validation(
                    "A digest for \(algorithm.kmsName) has \(hash.byteCount) bytes.")
            }
            return [UInt8](message)
        }
        guard (1...4096).contains(message.count) else {
            throw RPCError.validation("A message has 1 to 4096 bytes; sign its digest for more.")
        }
        do {
            return try hash == .sha256 ? SHA256.hash(message) : hash.hash(message)
        } catch {
            throw RPCError.keysInternal(error)
        }
    }
}
