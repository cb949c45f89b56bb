import AccessPolicy
import Contracts
import Cryptography
import Foundation
import RPC

extension KeyOperations {
    /// Ciphertext by a symmetric key or by RSA.
    func seal(
        _ plaintext: UnsafeRawBufferPointer, with key: ActiveKey, _ context: EncryptionContext,
        _ algorithm: KeysEncryptionAlgorithm
    ) throws -> Data {
        guard let hash = algorithm.oaepHash else {
            return try CiphertextBlob.seal(plaintext, with: key.currentSealingMaterial(), context)
        }
        do {
            return Data(try key.asymmetricKey().encrypt(plaintext, hash))
        } catch let error as CryptographyError where error.code == .invalidInput {
            throw RPCError.validation("The plaintext is too long for \(key.stored.spec.kmsName).")
        } catch {
            throw error as? RPCError ?? .keysInternal(error)
        }
    }

    /// The plaintext of ciphertext by RSA.
    func openAsymmetric(
        _ ciphertext: Data, with key: ActiveKey, _ algorithm: KeysEncryptionAlgorithm
    ) throws -> SecretBytes {
        guard let hash = algorithm.oaepHash else { throw RPCError.invalidCiphertext }
        do {
            return try key.asymmetricKey().decrypt([UInt8](ciphertext), hash)
        } catch is CryptographyError {
            throw RPCError.invalidCiphertext
        }
    }

    /// RSA ciphertext does not name its key, so the caller does.
    func decryptAsymmetric(
        _ request: KeysDecryptRequest, _ context: EncryptionContext, _ caller: Caller
    ) throws -> KeysDecryptResponse {
        guard !request.keyID.isEmpty else {
            throw RPCError.validation("Ciphertext of RSA is opened with the key's ID.")
        }
        let key = try ring.key(request.keyID, .related)
        let algorithm = request.encryptionAlgorithm
        let facts = Self.facts(context, algorithm, name: request.keyID)
        return try perform(.decrypt, key, caller, facts, algorithm, request.grantTokens) {
            let plaintext = try openAsymmetric(request.ciphertextBlob, with: key, algorithm)
            if request.dryRun { throw RPCError.dryRun }
            var response = KeysDecryptResponse()
            response.plaintext = plaintext.withUnsafeBytes { Data($0) }
            response.keyID = key.arn
            return response
        }
    }

    func generateRandom(
        _ request: KeysGenerateRandomRequest, _ caller: Caller, resource: String
    ) throws -> KeysGenerateRandomResponse {
        guard (1...Self.dataKeyByteCountMax).contains(Int(request.numberOfBytes)) else {
            throw RPCError.validation("1 to \(Self.dataKeyByteCountMax) bytes are drawn at once.")
        }
        if !caller.isService {
            try authorizer.authorizeIdentity(caller, "kms:GenerateRandom", resource: resource)
        }
        do {
            var response = KeysGenerateRandomResponse()
            let secret = try Random.secret(Int(request.numberOfBytes))
            response.plaintext = secret.withUnsafeBytes { Data($0) }
            return response
        } catch {
            throw RPCError.keysInternal(error)
        }
    }

    func generateMac(
        _ request: KeysGenerateMacRequest, _ caller: Caller
    ) throws -> KeysGenerateMacResponse {
        let key = try ring.key(request.keyID, .related)
        return try performMac(
            .generateMac, key, caller, request.message, request.macAlgorithm, request.grantTokens,
            name: request.keyID
        ) { code in
            if request.dryRun { throw RPCError.dryRun }
            var response = KeysGenerateMacResponse()
            response.mac = Data(code)
            response.keyID = key.arn
            return response
        }
    }

    func verifyMac(
        _ request: KeysVerifyMacRequest, _ caller: Caller
    ) throws -> KeysVerifyMacResponse {
        let key = try ring.key(request.keyID, .related)
        return try performMac(
            .verifyMac, key, caller, request.message, request.macAlgorithm, request.grantTokens,
            name: request.keyID
        ) { expected in
            guard constantTimeEquals([UInt8](request.mac), expected) else {
                throw RPCError(
                    .invalidArgument, reason: "KMSInvalidMacException",
                    message: "The code is not one of \(key.arn) for this message.")
            }
            if request.dryRun { throw RPCError.dryRun }
            var response = KeysVerifyMacResponse()
            response.macValid = true
            response.keyID = key.arn
            return response
        }
    }

    private func performMac<Value>(
        _ operation: KeyOperation, _ key: ActiveKey, _ caller: Caller, _ message: Data,
        _ algorithm: KeysMacAlgorithm, _ tokens: [String], name: String,
        _ body: ([UInt8]) throws -> Value
    ) throws -> Value {
        guard (1...4096).contains(message.count), let hash = algorithm.hash else {
            throw RPCError.validation("A message has 1 to 4096 bytes; an algorithm is needed.")
        }
        let facts = RequestFacts(
            algorithm: (key: "kms:macalgorithm", value: "HMAC_SHA_\(hash.byteCount * 8)"),
            alias: KeyReference.alias(in: name))
        return try perform(operation, key, caller, facts, tokens) {
            guard key.stored.usage == .generateVerifyMac, key.stored.spec.macHash == hash else {
                throw RPCError.invalidKeyUsage(
                    key.arn, "is \(key.stored.spec.kmsName), which this algorithm is not for")
            }
            try key.requireUsable()
            let code: [UInt8]
            do {
                code = try hash.authenticationCode(for: message, key: key.macKey())
            } catch {
                throw error as? RPCError ?? .keysInternal(error)
            }
            return try body(code)
        }
    }
}
