import Contracts
import Foundation
import RPC
import SwiftProtobuf

/// AWS KMS as SDKs know it (`TrentService`, JSON 1.1), over the Region's keys service.
///
/// Every operation is decoded, passed on for the caller, and its answer encoded. What is allowed, in
/// which state a key works and what is limited is decided by the keys service alone.
struct KMSAPI: Sendable {
    /// A policy has at most 32 KiB and a ciphertext 6 KiB before base64.
    static let bodyBytesMax = 256 << 10

    let keys: KeysGateway

    var service: JSONService {
        JSONService(
            targetPrefix: "TrentService", signingName: "kms", eventSource: "kms.amazonaws.com",
            bodyBytesMax: Self.bodyBytesMax, failure: KMSFailure.exception,
            operations: keyOperations + stateOperations + policyOperations + aliasOperations
                + tagOperations + grantOperations + rotationOperations + multiRegionOperations
                + importOperations + encryptionOperations + dataKeyOperations + signingOperations
                + macOperations)
    }
}

/// An input that is a key and nothing else.
struct KMSKeyInput: Decodable, Sendable, TrailDescribed {
    let keyId: String

    var trailParameters: [String: any Sendable] { ["keyId": keyId] }
}

/// An answer that names the key.
struct KMSKeyOutput: Encodable, Sendable, ResourceNaming {
    let keyId: String

    var resourceARN: String { keyId }
}

/// Limit and Marker of the lists.
enum KMSPaging {
    /// Throws: `AWSError` ValidationException unless 1 to 1000; 0 stands for the default.
    static func size(_ limit: Int?) throws -> UInt32 {
        guard let limit else { return 0 }
        guard (1...1_000).contains(limit) else {
            throw AWSError.validation(
                "1 validation error detected: Value '\(limit)' at 'limit' failed to satisfy "
                    + "constraint: Member must have value between 1 and 1000")
        }
        return UInt32(limit)
    }

    static func marker(_ token: String) -> String? { token.isEmpty ? nil : token }
}

struct KMSTag: Codable, Sendable {
    let tagKey: String
    let tagValue: String

    init(_ tag: KeysTag) {
        tagKey = tag.key
        tagValue = tag.value
    }

    var contract: KeysTag {
        .with {
            $0.key = tagKey
            $0.value = tagValue
        }
    }
}
