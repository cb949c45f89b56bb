import Contracts
import Foundation
package import RPC
import Synchronization

/// The keys of an instance, shared by the keys services of all its Regions.
package final class FakeKeyMaterial: Sendable {
    fileprivate struct Blob {
        let plaintext: Data
        let keyID: String
        let context: [String: String]
    }

    fileprivate let blobs = Mutex<[Data: Blob]>([:])

    package init() {}
}

/// The keys service of one Region.
package final class FakeKeys: Sendable {
    private struct Settings {
        var error: RPCError?
        var decrypts = 0
        /// What does not start with this is wrapped by a key that is not in this Region.
        var keyARNPrefix = ""
    }

    private let region: String
    private let material: FakeKeyMaterial
    private let settings = Mutex(Settings())

    package init(region: String, material: FakeKeyMaterial) {
        self.region = region
        self.material = material
    }

    /// Every call fails with this; nil mends it.
    package func fail(_ error: RPCError?) { settings.withLock { $0.error = error } }

    /// From now on only keys whose ARN starts so are in this Region.
    package func hold(onlyKeysNamed prefix: String) {
        settings.withLock { $0.keyARNPrefix = prefix }
    }

    package static var disabled: RPCError {
        RPCError(
            .failedPrecondition, reason: "DisabledException", message: "The key is disabled.")
    }

    package var decrypts: Int { settings.withLock { $0.decrypts } }

    package var methods: MethodTable {
        var table = MethodTable()
        table.register(
            KeysCryptographyMethods.decrypt,
            .unary { [self] payload, _ in
                let request = try MessageCoding.decode(KeysDecryptRequest.self, from: payload)
                return try MessageCoding.encode(decrypt(request))
            })
        table.register(
            KeysCryptographyMethods.generateDataKeyWithoutPlaintext,
            .unary { [self] payload, _ in
                let request = try MessageCoding.decode(
                    KeysGenerateDataKeyWithoutPlaintextRequest.self, from: payload)
                var response = KeysGenerateDataKeyWithoutPlaintextResponse()
                response.keyID = try arn(request.keyID)
                response.ciphertextBlob = wrap(
                    Data((0..<32).map { _ in UInt8.random(in: 0...255) }), response.keyID,
                    request.encryptionContext)
                return try MessageCoding.encode(response)
            })
        table.register(
            KeysCryptographyMethods.reEncrypt,
            .unary { [self] payload, _ in
                let request = try MessageCoding.decode(KeysReEncryptRequest.self, from: payload)
                let plaintext = try open(request.ciphertextBlob, request.sourceEncryptionContext)
                var response = KeysReEncryptResponse()
                response.keyID = try arn(request.destinationKeyID)
                response.ciphertextBlob = wrap(
                    plaintext.plaintext, response.keyID, request.destinationEncryptionContext)
                return try MessageCoding.encode(response)
            })
        return table
    }

    private func decrypt(_ request: KeysDecryptRequest) throws -> KeysDecryptResponse {
        settings.withLock { $0.decrypts += 1 }
        let blob = try open(request.ciphertextBlob, request.encryptionContext)
        var response = KeysDecryptResponse()
        response.plaintext = blob.plaintext
        response.keyID = blob.keyID
        return response
    }

    private func arn(_ keyID: String) throws -> String {
        if let error = settings.withLock({ $0.error }) { throw error }
        if keyID.hasPrefix("arn:") { return keyID }
        return keyID.hasPrefix("alias/")
            ? "arn:aws:kms:\(region):111122223333:key/00000000-0000-4000-8000-000000000000"
            : "arn:aws:kms:\(region):111122223333:key/\(keyID)"
    }

    private func wrap(_ plaintext: Data, _ keyID: String, _ context: [String: String]) -> Data {
        let name = Data(UUID().uuidString.utf8)
        material.blobs.withLock {
            $0[name] = FakeKeyMaterial.Blob(plaintext: plaintext, keyID: keyID, context: context)
        }
        return name
    }

    private func open(
        _ blob: Data, _ context: [String: String]
    ) throws -> FakeKeyMaterial.Blob {
        if let error = settings.withLock({ $0.error }) { throw error }
        guard let known = material.blobs.withLock({ $0[blob] }), known.context == context else {
            throw RPCError(
                .invalidArgument, reason: "InvalidCiphertextException", message: "Not mine.")
        }
        guard known.keyID.hasPrefix(settings.withLock({ $0.keyARNPrefix })) else {
            throw RPCError(.failedPrecondition, reason: "NotFoundException", message: "No key.")
        }
        return known
    }
}
