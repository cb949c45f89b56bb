import Contracts
import Foundation
import RPC
import Synchronization

/// The keys services of all Regions of a test: which keys are where, and whom their policies refuse.
final class FakeKeys: Sendable {
    struct Place: Hashable {
        let keyID: String
        let region: String
    }

    struct Held {
        var keys: [Place: KeysKeyMetadata] = [:]
        var denials: [String: [KeysCheckKeyAccessResponse.Denial]] = [:]
        var isDown = false
        var nextKey = 1
        var cryptographyError: RPCError?
        /// Region of the primary key, by key ID; where it is not named, nobody has moved it.
        var primaries: [String: String] = [:]
    }

    static let account = "111122223333"
    let held = Mutex(Held())

    static func arn(_ keyID: String, _ region: String) -> String {
        "arn:aws:kms:\(region):\(account):key/\(keyID)"
    }

    func addKey(
        _ keyID: String, in region: String, spec: KeysKeySpec = .symmetricDefault,
        state: KeysKeyState = .enabled
    ) {
        held.withLock { held in
            var metadata = KeysKeyMetadata()
            metadata.keyID = keyID
            metadata.arn = Self.arn(keyID, region)
            metadata.keySpec = spec
            metadata.keyUsage = spec == .symmetricDefault ? .encryptDecrypt : .signVerify
            metadata.keyState = state
            metadata.multiRegion = keyID.hasPrefix("mrk-")
            held.keys[Place(keyID: keyID, region: region)] = metadata
        }
    }

    func deny(_ principal: String, _ action: String, in region: String) {
        var denial = KeysCheckKeyAccessResponse.Denial()
        denial.principal = principal
        denial.action = action
        denial.explanation = "no statement allows it"
        held.withLock { $0.denials[region, default: []].append(denial) }
    }

    func allowAll(in region: String) { held.withLock { $0.denials[region] = nil } }

    private func metadata(_ name: String, _ region: String) throws -> KeysKeyMetadata {
        let keyID = name.split(separator: "/").last.map(String.init) ?? name
        return try held.withLock { held in
            if held.isDown {
                throw RPCError(.unavailable, reason: "DOWN", message: "The keys service is down.")
            }
            guard let found = held.keys[Place(keyID: keyID, region: region)] else {
                throw RPCError(.notFound, reason: "NotFoundException", message: "No such key.")
            }
            return found
        }
    }

    /// The methods of one Region's keys service that coordinators use.
    func methods(in region: String) -> MethodTable {
        var table = MethodTable()
        register(KeysKeyManagementMethods.createKey, in: &table) {
            [self] (request: KeysCreateKeyRequest) in
            let number = held.withLock { held in
                defer { held.nextKey += 1 }
                return held.nextKey
            }
            let keyID = "mrk-\(String(repeating: "0", count: 31))\(number)"
            addKey(keyID, in: region, spec: request.keySpec)
            var response = KeysCreateKeyResponse()
            response.keyMetadata = try metadata(keyID, region)
            return response
        }
        register(KeysKeyManagementMethods.describeKey, in: &table) {
            [self] (request: KeysDescribeKeyRequest) in
            var response = KeysDescribeKeyResponse()
            response.keyMetadata = try metadata(request.keyID, region)
            return response
        }
        register(KeysKeyManagementMethods.replicateKey, in: &table) {
            [self] (request: KeysReplicateKeyRequest) in
            let source = try metadata(request.keyID, region)
            addKey(request.keyID, in: request.replicaRegion, spec: source.keySpec)
            return KeysReplicateKeyResponse()
        }
        register(KeysKeyManagementMethods.updatePrimaryRegion, in: &table) {
            [self] (request: KeysUpdatePrimaryRegionRequest) in
            _ = try metadata(request.keyID, request.primaryRegion)
            held.withLock { $0.primaries[request.keyID] = request.primaryRegion }
            return KeysUpdatePrimaryRegionResponse()
        }
        register(KeysKeyManagementMethods.assumePrimary, in: &table) {
            [self] (request: KeysAssumePrimaryRequest) in
            var response = KeysAssumePrimaryResponse()
            response.keyMetadata = try metadata(request.keyID, region)
            held.withLock { $0.primaries[request.keyID] = region }
            return response
        }
        register(KeysKeyManagementMethods.checkKeyAccess, in: &table) {
            [self] (request: KeysCheckKeyAccessRequest) in
            var response = KeysCheckKeyAccessResponse()
            guard let metadata = try? metadata(request.keyID, region) else { return response }
            response.keyMetadata = metadata
            response.denials = held.withLock { $0.denials[region] ?? [] }
            return response
        }
        register(KeysCryptographyMethods.generateDataKeyWithoutPlaintext, in: &table) {
            [self] (request: KeysGenerateDataKeyWithoutPlaintextRequest) in
            if let error = held.withLock({ $0.cryptographyError }) { throw error }
            var response = KeysGenerateDataKeyWithoutPlaintextResponse()
            response.ciphertextBlob = Data(count: 64)
            response.keyID = try metadata(request.keyID, region).arn
            return response
        }
        register(KeysCryptographyMethods.decrypt, in: &table) { (_: KeysDecryptRequest) in
            var response = KeysDecryptResponse()
            response.plaintext = Data(count: 32)
            return response
        }
        return table
    }
}
