import Contracts
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf

@testable import PortalService

extension FakeKeys {
    static let keyID = "mrk-00112233445566778899aabbccddeeff"
    static let arn = "arn:aws:kms:eu-central-1:111122223333:key/\(keyID)"

    /// One key. Other names are errors: "missing", "denied", "broken", "away".
    func registerKMS(_ table: inout MethodTable) {
        typealias M = KeysKeyManagementMethods
        table.answer(M.describeKey) { (request: KeysDescribeKeyRequest, context) in
            note(context)
            try Self.check(request.keyID)
            var answer = KeysDescribeKeyResponse()
            answer.keyMetadata = Self.metadata
            return answer
        }
        table.answer(M.listKeys) { (request: KeysListKeysRequest, context) in
            note(context)
            var answer = KeysListKeysResponse()
            answer.keys = [Self.metadata]
            answer.nextPageToken = request.pageToken.isEmpty ? "k1:next" : ""
            return answer
        }
        table.answer(M.disableKey) { (_: KeysDisableKeyRequest, context) in
            note(context)
            return KeysDisableKeyResponse()
        }
        table.answer(KeysCryptographyMethods.encrypt) { (request: KeysEncryptRequest, context) in
            note(context)
            try Self.check(request.keyID)
            var answer = KeysEncryptResponse()
            answer.ciphertextBlob = Data(request.plaintext.reversed())
            answer.keyID = Self.arn
            return answer
        }
    }

    private func note(_ context: ServerContext) {
        let text = context.metadata[PrincipalDelegation.metadataName] ?? ""
        let principal = Data(base64Encoded: text).flatMap {
            $0.isEmpty ? nil : try? KeysDelegatedPrincipal(serializedBytes: $0)
        }
        callers.value.append(principal)
    }

    private static func check(_ keyID: String) throws {
        switch keyID {
        case "missing": throw RPCError(.notFound, reason: "NotFoundException", message: "gone")
        case "denied":
            throw RPCError(.permissionDenied, reason: "AccessDeniedException", message: "no")
        case "broken":
            throw RPCError(.internalError, reason: "INTERNAL", message: "a secret detail")
        case "away": throw RPCError(.unavailable, reason: "UNREACHABLE", message: "nobody")
        default: break
        }
    }

    static var metadata: KeysKeyMetadata {
        .with {
            $0.keyID = keyID
            $0.arn = arn
            $0.accountID = "111122223333"
            $0.createdAtUs = 1_790_000_000_500_000
            $0.keySpec = .symmetricDefault
            $0.keyUsage = .encryptDecrypt
            $0.keyState = .enabled
            $0.origin = .awsKms
            $0.multiRegion = true
            $0.multiRegionKeyType = .primary
            $0.primaryKey.arn = arn
            $0.primaryKey.region = "eu-central-1"
        }
    }
}
