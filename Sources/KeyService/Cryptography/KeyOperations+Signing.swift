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
        return try meter.metered("Sign", key, caller) {
            try admitSigning(caller, "kms:Sign", key, isDigest: request.messageIsDigest)
            var response = KeysSignResponse()
            do {
                response.signature = Data(try key.signingKey().sign(digest: digest))
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
        return try meter.metered("Verify", key, caller) {
            try admitSigning(caller, "kms:Verify", key, isDigest: request.messageIsDigest)
            let isValid: Bool
            do {
                isValid = try key.signingKey().publicKey
                    .isValid([UInt8](request.signature), digest: digest)
            } catch let error as CryptographyError {
                throw RPCError.keysInternal(error)
            }
            guard isValid else {
                throw RPCError(
                    .invalidArgument, reason: "KMSInvalidSignatureException",
                    message: "The signature is not one of \(key.arn) for this message.")
            }
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
        return try meter.metered("GetPublicKey", key, caller) {
            try authorizer.authorize(caller, "kms:GetPublicKey", on: key)
            guard key.stored.usage == .signVerify else {
                throw RPCError.unsupported("\(key.arn) is symmetric and has no public key.")
            }
            try key.requireUsable()
            var response = KeysGetPublicKeyResponse()
            response.keyID = key.arn
            response.publicKey = Data(try key.signingKey().publicKey.spki)
            response.keySpec = key.stored.spec
            return response
        }
    }

    private func admitSigning(
        _ caller: Caller, _ action: PolicyAction, _ key: ActiveKey, isDigest: Bool
    ) throws {
        try authorizer.authorize(
            caller, action, on: key,
            keys: [
                "kms:signingalgorithm": ["ECDSA_SHA_256"],
                "kms:messagetype": [isDigest ? "DIGEST" : "RAW"],
            ])
        guard key.stored.usage == .signVerify else {
            throw RPCError.invalidKeyUsage(
                key.arn, "is for \(key.stored.usage.kmsName), not for SIGN_VERIFY")
        }
        try key.requireUsable()
    }

    private func digest(
        _ message: Data, isDigest: Bool, _ algorithm: KeysSigningAlgorithm
    ) throws -> [UInt8] {
        guard algorithm == .ecdsaSha256 else {
            throw RPCError.validation("The signing algorithm is to be ECDSA_SHA_256.")
        }
        if isDigest {
            guard message.count == SHA256.byteCount else {
                throw RPCError.validation("A SHA-256 digest has 32 bytes.")
            }
            return [UInt8](message)
        }
        guard (1...4096).contains(message.count) else {
            throw RPCError.validation("A message has 1 to 4096 bytes; sign its digest for more.")
        }
        do {
            return try SHA256.hash(message)
        } catch {
            throw RPCError.keysInternal(error)
        }
    }
}
