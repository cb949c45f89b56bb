import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension KMSAPI {
    var keyOperations: [JSONOperation] {
        [
            JSONOperation("CreateKey", .change, createKey),
            JSONOperation("DescribeKey", .use, describeKey),
            JSONOperation("ListKeys", .use, listKeys),
            JSONOperation("UpdateKeyDescription", .change, updateKeyDescription),
        ]
    }

    struct CreateKeyInput: Decodable, Sendable {
        let policy: String?
        let description: String?
        let keyUsage: String?
        let customerMasterKeySpec: String?
        let keySpec: String?
        let origin: String?
        let customKeyStoreId: String?
        let xksKeyId: String?
        let bypassPolicyLockoutSafetyCheck: Bool?
        let tags: [KMSTag]?
        let multiRegion: Bool?
    }

    struct KeyMetadataOutput: Encodable, Sendable, ResourceNaming {
        let keyMetadata: KMSKeyMetadata

        var resourceARN: String { keyMetadata.arn }
    }

    private func createKey(
        _ input: CreateKeyInput, _ call: AWSCall
    ) async throws -> KeyMetadataOutput {
        guard input.customKeyStoreId == nil, input.xksKeyId == nil,
            !["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"].contains(input.origin)
        else {
            throw AWSError("UnsupportedOperationException", "There are no custom key stores here.")
        }
        if let spec = input.keySpec, let former = input.customerMasterKeySpec, spec != former {
            throw AWSError.validation("KeySpec and CustomerMasterKeySpec say different things.")
        }
        let spec = try KMSNames.keySpec.value(
            input.keySpec ?? input.customerMasterKeySpec, default: .symmetricDefault)
        guard spec == .symmetricDefault || input.keyUsage != nil else {
            throw AWSError.validation("You must specify a KeyUsage value for this KeySpec.")
        }
        let request = try KeysCreateKeyRequest.with {
            $0.keySpec = spec
            $0.keyUsage = try KMSNames.keyUsage.value(input.keyUsage, default: .encryptDecrypt)
            $0.origin = try KMSNames.origin.value(input.origin, default: .awsKms)
            $0.multiRegion = input.multiRegion ?? false
            $0.description_p = input.description ?? ""
            $0.policy = input.policy ?? ""
            $0.bypassPolicyLockoutSafetyCheck = input.bypassPolicyLockoutSafetyCheck ?? false
            $0.tags = (input.tags ?? []).map(\.contract)
        }
        let answer = try await keys.management.createKey(request, options: keys.options(call))
        return KeyMetadataOutput(keyMetadata: KMSKeyMetadata(answer.keyMetadata))
    }

    struct DescribeKeyInput: Decodable, Sendable, TrailDescribed {
        let keyId: String
        let grantTokens: [String]?

        var trailParameters: [String: any Sendable] { ["keyId": keyId] }
    }

    private func describeKey(
        _ input: DescribeKeyInput, _ call: AWSCall
    ) async throws -> KeyMetadataOutput {
        let answer = try await keys.management.describeKey(
            .with {
                $0.keyID = input.keyId
                $0.grantTokens = input.grantTokens ?? []
            }, options: keys.options(call))
        return KeyMetadataOutput(keyMetadata: KMSKeyMetadata(answer.keyMetadata))
    }

    struct ListInput: Decodable, Sendable {
        let limit: Int?
        let marker: String?
    }

    struct ListKeysOutput: Encodable, Sendable {
        let keys: [Entry]
        let nextMarker: String?
        let truncated: Bool

        struct Entry: Encodable, Sendable {
            let keyId: String
            let keyArn: String
        }
    }

    private func listKeys(_ input: ListInput, _ call: AWSCall) async throws -> ListKeysOutput {
        let size = try KMSPaging.size(input.limit)
        let answer = try await keys.management.listKeys(
            .with {
                $0.pageSize = size
                $0.pageToken = input.marker ?? ""
            }, options: keys.options(call))
        return ListKeysOutput(
            keys: answer.keys.map { .init(keyId: $0.keyID, keyArn: $0.arn) },
            nextMarker: KMSPaging.marker(answer.nextPageToken),
            truncated: !answer.nextPageToken.isEmpty)
    }

    struct UpdateKeyDescriptionInput: Decodable, Sendable {
        let keyId: String
        let description: String
    }

    private func updateKeyDescription(
        _ input: UpdateKeyDescriptionInput, _ call: AWSCall
    ) async throws -> NoOutput {
        _ = try await keys.management.updateKeyDescription(
            .with {
                $0.keyID = input.keyId
                $0.description_p = input.description
            }, options: keys.options(call))
        return NoOutput()
    }
}
