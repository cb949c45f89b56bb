import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var dataKeyOperations: [JSONOperation] {
        [
            JSONOperation("GenerateDataKey", .use, generateDataKey),
            JSONOperation(
                "GenerateDataKeyWithoutPlaintext", .use, generateDataKeyWithoutPlaintext),
            JSONOperation("GenerateDataKeyPair", .use) { (input: KeyPairInput, call) in
                try KeyPairOutput(
                    await keys.cryptography.generateDataKeyPair(
                        Self.request(input), options: keys.options(call)))
            },
            JSONOperation("GenerateDataKeyPairWithoutPlaintext", .use) {
                (input: KeyPairInput, call) in
                try KeyPairOutput(
                    await keys.cryptography.generateDataKeyPairWithoutPlaintext(
                        Self.request(input), options: keys.options(call)))
            },
            JSONOperation("GenerateRandom", .use, generateRandom),
        ]
    }

    struct DataKeyInput: Decodable, Sendable, TrailDescribed {
        let keyId: String
        let encryptionContext: [String: String]?
        let numberOfBytes: Int?
        let keySpec: String?
        let grantTokens: [String]?
        let recipient: KMSRecipient?
        let dryRun: Bool?

        var trailParameters: [String: any Sendable] {
            var parameters = Self.described(keyId, encryptionContext)
            parameters["keySpec"] = keySpec
            parameters["numberOfBytes"] = numberOfBytes
            return parameters
        }

        /// Either the one or the other says how long the key is.
        func byteCount() throws -> UInt32 {
            switch (keySpec, numberOfBytes) {
            case (let spec?, nil): return try KMSNames.dataKeySpec.value(spec)
            case (nil, let count?):
                guard (1...1_024).contains(count) else {
                    throw AWSError.validation("NumberOfBytes is 1 to 1024.")
                }
                return UInt32(count)
            default:
                throw AWSError.validation("Please specify either number of bytes or key spec.")
            }
        }
    }

    struct DataKeyOutput: Encodable, Sendable, ResourceNaming {
        let ciphertextBlob: Data
        let plaintext: Data?
        let keyId: String
        let keyMaterialId: String?

        var resourceARN: String { keyId }
    }

    private func generateDataKey(
        _ input: DataKeyInput, _ call: AWSCall
    ) async throws -> DataKeyOutput {
        try KMSRecipient.refuse(input.recipient)
        let count = try input.byteCount()
        let answer = try await keys.cryptography.generateDataKey(
            .with {
                $0.keyID = input.keyId
                $0.encryptionContext = input.encryptionContext ?? [:]
                $0.numberOfBytes = count
                $0.grantTokens = input.grantTokens ?? []
                $0.dryRun = input.dryRun ?? false
            }, options: keys.options(call))
        return DataKeyOutput(
            ciphertextBlob: answer.ciphertextBlob, plaintext: answer.plaintext,
            keyId: answer.keyID, keyMaterialId: KMSPaging.marker(answer.keyMaterialID))
    }

    private func generateDataKeyWithoutPlaintext(
        _ input: DataKeyInput, _ call: AWSCall
    ) async throws -> DataKeyOutput {
        // Here, and only here, neither is needed.
        let isDefault = input.keySpec == nil && input.numberOfBytes == nil
        let count = isDefault ? 32 : try input.byteCount()
        let answer = try await keys.cryptography.generateDataKeyWithoutPlaintext(
            .with {
                $0.keyID = input.keyId
                $0.encryptionContext = input.encryptionContext ?? [:]
                $0.numberOfBytes = count
                $0.grantTokens = input.grantTokens ?? []
                $0.dryRun = input.dryRun ?? false
            }, options: keys.options(call))
        return DataKeyOutput(
            ciphertextBlob: answer.ciphertextBlob, plaintext: nil, keyId: answer.keyID,
            keyMaterialId: KMSPaging.marker(answer.keyMaterialID))
    }

    struct KeyPairInput: Decodable, Sendable, TrailDescribed {
        let keyId: String
        let keyPairSpec: String
        let encryptionContext: [String: String]?
        let grantTokens: [String]?
        let recipient: KMSRecipient?
        let dryRun: Bool?

        var trailParameters: [String: any Sendable] {
            var parameters = Self.described(keyId, encryptionContext)
            parameters["keyPairSpec"] = keyPairSpec
            return parameters
        }
    }

    struct KeyPairOutput: Encodable, Sendable, ResourceNaming {
        let privateKeyCiphertextBlob: Data
        let privateKeyPlaintext: Data?
        let publicKey: Data
        let keyId: String
        let keyPairSpec: String?
        let keyMaterialId: String?

        var resourceARN: String { keyId }

        init(_ answer: KeysGenerateDataKeyPairResponse) {
            privateKeyCiphertextBlob = answer.privateKeyCiphertextBlob
            privateKeyPlaintext =
                answer.privateKeyPlaintext.isEmpty ? nil : answer.privateKeyPlaintext
            publicKey = answer.publicKey
            keyId = answer.keyID
            keyPairSpec = KMSNames.keySpec.name(answer.keyPairSpec)
            keyMaterialId = KMSPaging.marker(answer.keyMaterialID)
        }
    }

    private static func request(_ input: KeyPairInput) throws -> KeysGenerateDataKeyPairRequest {
        try KMSRecipient.refuse(input.recipient)
        return try .with {
            $0.keyID = input.keyId
            $0.keyPairSpec = try KMSNames.keySpec.value(input.keyPairSpec)
            $0.encryptionContext = input.encryptionContext ?? [:]
            $0.grantTokens = input.grantTokens ?? []
            $0.dryRun = input.dryRun ?? false
        }
    }

    struct GenerateRandomInput: Decodable, Sendable {
        let numberOfBytes: Int?
        let customKeyStoreId: String?
        let recipient: KMSRecipient?
    }

    struct GenerateRandomOutput: Encodable, Sendable {
        let plaintext: Data
    }

    private func generateRandom(
        _ input: GenerateRandomInput, _ call: AWSCall
    ) async throws -> GenerateRandomOutput {
        try KMSRecipient.refuse(input.recipient)
        guard input.customKeyStoreId == nil else {
            throw AWSError("UnsupportedOperationException", "There are no custom key stores here.")
        }
        guard let count = input.numberOfBytes else { throw AWSError.missing("numberOfBytes") }
        guard (1...1_024).contains(count) else {
            throw AWSError.validation("NumberOfBytes is 1 to 1024.")
        }
        let answer = try await keys.cryptography.generateRandom(
            .with { $0.numberOfBytes = UInt32(count) }, options: keys.options(call))
        return GenerateRandomOutput(plaintext: answer.plaintext)
    }
}
