import Contracts
import Cryptography
import Foundation
import RPC
import SwiftProtobuf

/// Makes, opens and re-wraps data keys at the Region's own keys service.
struct DataKeyWrapper: Sendable {
    static let timeout = Duration.seconds(5)

    let client: KeysCryptographyClient
    let context: EncryptionContext

    /// Opens a wrapped data key.
    ///
    /// Throws: `RPCError` of the keys service; INVALID_ARGUMENT when it is no AES-256 key.
    func open(
        _ record: StateDataKeyRecord, for snapshot: InstanceSnapshot,
        timeout: Duration = Self.timeout
    ) async throws -> SealingKey {
        var request = KeysDecryptRequest()
        request.ciphertextBlob = record.ciphertextBlob
        request.encryptionContext = context.values(snapshot)
        let answer = try await client.decrypt(
            request, options: CallOptions(timeout: min(timeout, Self.timeout)))
        var plaintext = [UInt8](answer.plaintext)
        guard plaintext.count == AEADKey.keyByteCount else {
            throw RPCError(
                .invalidArgument, reason: "DATA_KEY_INVALID",
                message: "Data key \(record.dataKeyID) is not an AES-256 key.")
        }
        return try SealingKey(SecretBytes(wiping: &plaintext))
    }

    /// A new data key that is not in the log yet.
    func make(for snapshot: InstanceSnapshot) async throws -> (StateDataKeyRecord, SealingKey) {
        var request = KeysGenerateDataKeyWithoutPlaintextRequest()
        request.keyID = snapshot.wrappingKeyID
        request.encryptionContext = context.values(snapshot)
        request.numberOfBytes = UInt32(AEADKey.keyByteCount)
        let answer = try await client.generateDataKeyWithoutPlaintext(
            request, options: CallOptions(timeout: Self.timeout))
        var record = StateDataKeyRecord()
        record.dataKeyID = UUID().uuidString.lowercased()
        record.kmsKeyArn = answer.keyID
        record.ciphertextBlob = answer.ciphertextBlob
        record.createdAtUs = Timestamp.nowMicroseconds
        record.active = true
        record.generation = snapshot.instance.encryption.dataKeyGeneration
        return (record, try await open(record, for: snapshot))
    }

    /// The same data key under the key that the instance now names.
    func rewrap(_ record: StateDataKeyRecord, for snapshot: InstanceSnapshot) async throws
        -> StateDataKeyRecord
    {
        var request = KeysReEncryptRequest()
        request.ciphertextBlob = record.ciphertextBlob
        request.sourceEncryptionContext = context.values(snapshot)
        request.destinationKeyID = snapshot.wrappingKeyID
        request.destinationEncryptionContext = context.values(snapshot)
        let answer = try await client.reEncrypt(
            request, options: CallOptions(timeout: Self.timeout))
        var rewrapped = record
        rewrapped.ciphertextBlob = answer.ciphertextBlob
        rewrapped.kmsKeyArn = answer.keyID
        return rewrapped
    }
}

/// Wall clock as the contracts carry it.
package enum Timestamp {
    /// Microseconds since 1970.
    package static var nowMicroseconds: Int64 {
        Int64(Date().timeIntervalSince1970 * 1_000_000)
    }
}

extension RPCError {
    /// Whether the keys service has refused, rather than not been reached.
    var isKeyRefusal: Bool {
        switch code {
        case .unavailable, .deadlineExceeded, .cancelled, .resourceExhausted, .internalError,
            .unknown, .aborted:
            false
        default: true
        }
    }
}
