import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var signingOperations: [JSONOperation] {
        [
            JSONOperation("Sign", .use, sign),
            JSONOperation("Verify", .use, verify),
            JSONOperation("GetPublicKey", .use, getPublicKey),
        ]
    }

    struct SignInput: Decodable, Sendable, TrailDescribed {
        let keyId: String
        let message: Data
        let messageType: String?
        let signature: Data?
        let signingAlgorithm: String
        let grantTokens: [String]?
        let dryRun: Bool?

        var trailParameters: [String: any Sendable] {
            var parameters: [String: any Sendable] = [
                "keyId": keyId, "signingAlgorithm": signingAlgorithm,
            ]
            parameters["messageType"] = messageType
            return parameters
        }
    }

    struct SignOutput: Encodable, Sendable, ResourceNaming {
        let keyId: String
        let signature: Data
        let signingAlgorithm: String

        var resourceARN: String { keyId }
    }

    private func sign(_ input: SignInput, _ call: AWSCall) async throws -> SignOutput {
        let algorithm = try KMSNames.signingAlgorithm.value(input.signingAlgorithm)
        let isDigest = try KMSNames.messageType.value(input.messageType, default: false)
        let answer = try await keys.cryptography.sign(
            .with {
                $0.keyID = input.keyId
                $0.message = input.message
                $0.messageIsDigest = isDigest
                $0.signingAlgorithm = algorithm
                $0.grantTokens = input.grantTokens ?? []
                $0.dryRun = input.dryRun ?? false
            }, options: keys.options(call))
        return SignOutput(
            keyId: answer.keyID, signature: answer.signature,
            signingAlgorithm: input.signingAlgorithm)
    }

    struct VerifyOutput: Encodable, Sendable, ResourceNaming {
        let keyId: String
        let signatureValid: Bool
        let signingAlgorithm: String

        var resourceARN: String { keyId }
    }

    private func verify(_ input: SignInput, _ call: AWSCall) async throws -> VerifyOutput {
        guard let signature = input.signature else { throw AWSError.missing("signature") }
        let algorithm = try KMSNames.signingAlgorithm.value(input.signingAlgorithm)
        let isDigest = try KMSNames.messageType.value(input.messageType, default: false)
        let answer = try await keys.cryptography.verify(
            .with {
                $0.keyID = input.keyId
                $0.message = input.message
                $0.messageIsDigest = isDigest
                $0.signature = signature
                $0.signingAlgorithm = algorithm
                $0.grantTokens = input.grantTokens ?? []
                $0.dryRun = input.dryRun ?? false
            }, options: keys.options(call))
        return VerifyOutput(
            keyId: answer.keyID, signatureValid: answer.signatureValid,
            signingAlgorithm: input.signingAlgorithm)
    }

    struct PublicKeyOutput: Encodable, Sendable, ResourceNaming {
        let keyId: String
        let publicKey: Data
        let customerMasterKeySpec: String?
        let keySpec: String?
        let keyUsage: String?
        let encryptionAlgorithms: [String]?
        let signingAlgorithms: [String]?

        var resourceARN: String { keyId }
    }

    private func getPublicKey(
        _ input: DescribeKeyInput, _ call: AWSCall
    ) async throws -> PublicKeyOutput {
        let answer = try await keys.cryptography.getPublicKey(
            .with {
                $0.keyID = input.keyId
                $0.grantTokens = input.grantTokens ?? []
            }, options: keys.options(call))
        let spec = KMSNames.keySpec.name(answer.keySpec)
        return PublicKeyOutput(
            keyId: answer.keyID, publicKey: answer.publicKey, customerMasterKeySpec: spec,
            keySpec: spec, keyUsage: KMSNames.keyUsage.name(answer.keyUsage),
            encryptionAlgorithms: answer.keySpec.encryptionAlgorithms(answer.keyUsage),
            signingAlgorithms: answer.keySpec.signingAlgorithms(answer.keyUsage))
    }
}
