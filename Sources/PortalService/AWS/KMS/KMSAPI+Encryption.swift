import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var encryptionOperations: [JSONOperation] {
        [
            JSONOperation("Encrypt", .use, encrypt),
            JSONOperation("Decrypt", .use, decrypt),
            JSONOperation("ReEncrypt", .use, reEncrypt),
        ]
    }

    struct EncryptInput: Decodable, Sendable, TrailDescribed {
        let keyId: String
        let plaintext: Data
        let encryptionContext: [String: String]?
        let grantTokens: [String]?
        let encryptionAlgorithm: String?
        let dryRun: Bool?

        var trailParameters: [String: any Sendable] {
            Self.described(keyId, encryptionContext, encryptionAlgorithm)
        }
    }

    struct EncryptOutput: Encodable, Sendable, ResourceNaming {
        let ciphertextBlob: Data
        let keyId: String
        let encryptionAlgorithm: String

        var resourceARN: String { keyId }
    }

    private func encrypt(_ input: EncryptInput, _ call: AWSCall) async throws -> EncryptOutput {
        let name = input.encryptionAlgorithm ?? "SYMMETRIC_DEFAULT"
        let algorithm = try KMSNames.encryptionAlgorithm.value(name)
        let answer = try await keys.cryptography.encrypt(
            .with {
                $0.keyID = input.keyId
                $0.plaintext = input.plaintext
                $0.encryptionContext = input.encryptionContext ?? [:]
                $0.encryptionAlgorithm = algorithm
                $0.grantTokens = input.grantTokens ?? []
                $0.dryRun = input.dryRun ?? false
            }, options: keys.options(call))
        return EncryptOutput(
            ciphertextBlob: answer.ciphertextBlob, keyId: answer.keyID, encryptionAlgorithm: name)
    }

    struct DecryptInput: Decodable, Sendable, TrailDescribed {
        let ciphertextBlob: Data
        let encryptionContext: [String: String]?
        let grantTokens: [String]?
        let keyId: String?
        let encryptionAlgorithm: String?
        let recipient: KMSRecipient?
        let dryRun: Bool?

        var trailParameters: [String: any Sendable] {
            Self.described(keyId, encryptionContext, encryptionAlgorithm)
        }
    }

    struct DecryptOutput: Encodable, Sendable, ResourceNaming {
        let keyId: String
        let plaintext: Data
        let encryptionAlgorithm: String
        let keyMaterialId: String?

        var resourceARN: String { keyId }
    }

    private func decrypt(_ input: DecryptInput, _ call: AWSCall) async throws -> DecryptOutput {
        try KMSRecipient.refuse(input.recipient)
        let name = input.encryptionAlgorithm ?? "SYMMETRIC_DEFAULT"
        let algorithm = try KMSNames.encryptionAlgorithm.value(name)
        guard algorithm == .symmetricDefault || input.keyId != nil else {
            throw AWSError.validation("Decrypting with an asymmetric key needs its KeyId.")
        }
        let answer = try await keys.cryptography.decrypt(
            .with {
                $0.ciphertextBlob = input.ciphertextBlob
                $0.encryptionContext = input.encryptionContext ?? [:]
                $0.keyID = input.keyId ?? ""
                $0.encryptionAlgorithm = algorithm
                $0.grantTokens = input.grantTokens ?? []
                $0.dryRun = input.dryRun ?? false
            }, options: keys.options(call))
        return DecryptOutput(
            keyId: answer.keyID, plaintext: answer.plaintext, encryptionAlgorithm: name,
            keyMaterialId: KMSPaging.marker(answer.keyMaterialID))
    }

    struct ReEncryptInput: Decodable, Sendable, TrailDescribed {
        let ciphertextBlob: Data
        let sourceEncryptionContext: [String: String]?
        let sourceKeyId: String?
        let destinationKeyId: String
        let destinationEncryptionContext: [String: String]?
        let sourceEncryptionAlgorithm: String?
        let destinationEncryptionAlgorithm: String?
        let grantTokens: [String]?
        let dryRun: Bool?

        var trailParameters: [String: any Sendable] {
            var parameters: [String: any Sendable] = ["destinationKeyId": destinationKeyId]
            parameters["sourceKeyId"] = sourceKeyId
            parameters["sourceEncryptionContext"] = sourceEncryptionContext
            parameters["destinationEncryptionContext"] = destinationEncryptionContext
            return parameters
        }
    }

    struct ReEncryptOutput: Encodable, Sendable, ResourceNaming {
        let ciphertextBlob: Data
        let sourceKeyId: String
        let keyId: String
        let sourceEncryptionAlgorithm: String
        let destinationEncryptionAlgorithm: String
        let sourceKeyMaterialId: String?
        let destinationKeyMaterialId: String?

        var resourceARN: String { keyId }
    }

    private func reEncrypt(
        _ input: ReEncryptInput, _ call: AWSCall
    ) async throws -> ReEncryptOutput {
        let from = input.sourceEncryptionAlgorithm ?? "SYMMETRIC_DEFAULT"
        let to = input.destinationEncryptionAlgorithm ?? "SYMMETRIC_DEFAULT"
        let request = try KeysReEncryptRequest.with {
            $0.ciphertextBlob = input.ciphertextBlob
            $0.sourceEncryptionContext = input.sourceEncryptionContext ?? [:]
            $0.sourceKeyID = input.sourceKeyId ?? ""
            $0.sourceEncryptionAlgorithm = try KMSNames.encryptionAlgorithm.value(from)
            $0.destinationKeyID = input.destinationKeyId
            $0.destinationEncryptionContext = input.destinationEncryptionContext ?? [:]
            $0.destinationEncryptionAlgorithm = try KMSNames.encryptionAlgorithm.value(to)
            $0.grantTokens = input.grantTokens ?? []
            $0.dryRun = input.dryRun ?? false
        }
        let answer = try await keys.cryptography.reEncrypt(request, options: keys.options(call))
        return ReEncryptOutput(
            ciphertextBlob: answer.ciphertextBlob, sourceKeyId: answer.sourceKeyID,
            keyId: answer.keyID, sourceEncryptionAlgorithm: from,
            destinationEncryptionAlgorithm: to,
            sourceKeyMaterialId: KMSPaging.marker(answer.sourceKeyMaterialID),
            destinationKeyMaterialId: KMSPaging.marker(answer.destinationKeyMaterialID))
    }
}

extension TrailDescribed {
    /// Key, encryption context and algorithm of a cryptographic operation.
    static func described(
        _ keyID: String?, _ context: [String: String]?, _ algorithm: String? = nil
    ) -> [String: any Sendable] {
        var parameters: [String: any Sendable] = [:]
        parameters["keyId"] = keyID
        parameters["encryptionContext"] = context
        parameters["encryptionAlgorithm"] = algorithm
        return parameters
    }
}

/// An enclave that the answer should be encrypted for, which is not offered here: answering in the
/// clear instead would betray the caller.
struct KMSRecipient: Decodable, Sendable {
    let keyEncryptionAlgorithm: String?

    static func refuse(_ recipient: KMSRecipient?) throws {
        guard recipient == nil else {
            throw AWSError(
                "UnsupportedOperationException", "Answers for enclaves are not offered here.")
        }
    }
}
