import Contracts
import Cryptography
import Foundation
import RPC

extension KeyOperations {
    func generateDataKey(
        _ request: KeysGenerateDataKeyRequest, _ caller: Caller
    ) throws -> KeysGenerateDataKeyResponse {
        let count = try Self.dataKeyByteCount(request.numberOfBytes)
        let made = try sealed(
            request.keyID, request.encryptionContext, .generateDataKey, caller,
            request.grantTokens, dryRun: request.dryRun
        ) { try Random.secret(count) }
        var response = KeysGenerateDataKeyResponse()
        response.plaintext = made.secret.withUnsafeBytes { Data($0) }
        response.ciphertextBlob = made.blob
        response.keyID = made.key.arn
        response.keyMaterialID = made.materialName
        return response
    }

    func generateDataKeyWithoutPlaintext(
        _ request: KeysGenerateDataKeyWithoutPlaintextRequest, _ caller: Caller
    ) throws -> KeysGenerateDataKeyWithoutPlaintextResponse {
        let count = try Self.dataKeyByteCount(request.numberOfBytes)
        let made = try sealed(
            request.keyID, request.encryptionContext, .generateDataKeyWithoutPlaintext, caller,
            request.grantTokens, dryRun: request.dryRun
        ) { try Random.secret(count) }
        var response = KeysGenerateDataKeyWithoutPlaintextResponse()
        response.ciphertextBlob = made.blob
        response.keyID = made.key.arn
        response.keyMaterialID = made.materialName
        return response
    }

    /// A fresh key pair whose private key is sealed with a symmetric key.
    func generateDataKeyPair(
        _ request: KeysGenerateDataKeyPairRequest, _ caller: Caller, withPlaintext: Bool
    ) throws -> KeysGenerateDataKeyPairResponse {
        guard let kind = request.keyPairSpec.asymmetricKind else {
            throw RPCError.validation("A key pair is of RSA or on a NIST curve.")
        }
        var publicKey: [UInt8] = []
        let made = try sealed(
            request.keyID, request.encryptionContext,
            withPlaintext ? .generateDataKeyPair : .generateDataKeyPairWithoutPlaintext, caller,
            request.grantTokens, dryRun: request.dryRun,
            algorithm: (key: "kms:datakeypairspec", value: request.keyPairSpec.kmsName)
        ) {
            let pair = try AsymmetricKey(kind)
            publicKey = pair.spki
            return try pair.pkcs8()
        }
        var response = KeysGenerateDataKeyPairResponse()
        response.keyID = made.key.arn
        if withPlaintext {
            response.privateKeyPlaintext = made.secret.withUnsafeBytes { Data($0) }
        }
        response.privateKeyCiphertextBlob = made.blob
        response.publicKey = Data(publicKey)
        response.keyPairSpec = request.keyPairSpec
        response.keyMaterialID = made.materialName
        return response
    }

    private static func dataKeyByteCount(_ numberOfBytes: UInt32) throws -> Int {
        let count = numberOfBytes == 0 ? 32 : Int(numberOfBytes)
        guard count <= dataKeyByteCountMax else {
            throw RPCError.validation("A data key has 1 to \(dataKeyByteCountMax) bytes.")
        }
        return count
    }

    private struct SealedSecret {
        let secret: SecretBytes
        let blob: Data
        let key: ActiveKey
        let materialName: String
    }

    /// A fresh secret, sealed with a symmetric key.
    private func sealed(
        _ keyID: String, _ pairs: [String: String], _ operation: KeyOperation, _ caller: Caller,
        _ tokens: [String], dryRun: Bool, algorithm: (key: String, value: String)? = nil,
        make: () throws -> SecretBytes
    ) throws -> SealedSecret {
        let context = try EncryptionContext(pairs)
        let key = try ring.key(keyID, .related)
        let facts = RequestFacts(
            context: context, algorithm: algorithm, alias: KeyReference.alias(in: keyID))
        return try perform(operation, key, caller, facts, tokens) {
            guard key.stored.spec == .symmetricDefault else {
                throw RPCError.invalidKeyUsage(
                    key.arn, "is \(key.stored.spec.kmsName); a data key is of a symmetric key")
            }
            try key.requireUsable()
            let material = try key.currentSealingMaterial()
            if dryRun { throw RPCError.dryRun }
            do {
                let secret = try make()
                let blob = try secret.withUnsafeBytes {
                    try CiphertextBlob.seal($0, with: material, context)
                }
                return SealedSecret(
                    secret: secret, blob: blob, key: key, materialName: material.name)
            } catch let error as CryptographyError {
                throw RPCError.keysInternal(error)
            }
        }
    }
}
