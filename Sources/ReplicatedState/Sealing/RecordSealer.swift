import Contracts
import Cryptography
import Foundation
import RPC
import SwiftProtobuf

/// Why a sealed value cannot be opened.
package enum SealError: Error, Equatable {
    /// No data key of that ID is held.
    case unknownDataKey(String)
    /// Altered, moved to another key or version, or not a sealed record at all.
    case notAuthentic
}

/// Seals and opens the values of records with AES-256-GCM.
///
/// Layout and associated data: state.proto.
package enum RecordSealer {
    /// Where a record stands; bound to its value.
    package struct Place: Sendable {
        package let instanceARN: String
        package let domain: String
        package let key: String
        package let version: UInt64

        package init(instanceARN: String, domain: String, key: String, version: UInt64) {
            self.instanceARN = instanceARN
            self.domain = domain
            self.key = key
            self.version = version
        }

        var associatedData: [UInt8] {
            AssociatedData(
                instanceARN: instanceARN, domain: domain, key: key, version: version
            ).bytes
        }
    }

    /// The encoded `StateSealedRecord`.
    static func seal(
        _ plaintext: [UInt8], with key: SealingKey, id: String, at place: Place
    ) throws -> Data {
        let nonce = key.nextNonce()
        var ciphertext = [UInt8](repeating: 0, count: plaintext.count + AEADKey.tagByteCount)
        try plaintext.withUnsafeBytes { plaintext in
            try nonce.withUnsafeBytes { nonce in
                try place.associatedData.withUnsafeBytes { associatedData in
                    try ciphertext.withUnsafeMutableBytes { output in
                        try key.key.seal(
                            plaintext, nonce: nonce, authenticating: associatedData, into: output)
                    }
                }
            }
        }
        var record = StateSealedRecord()
        record.dataKeyID = id
        record.nonce = Data(nonce)
        record.ciphertext = Data(ciphertext)
        return try record.serializedBytes()
    }

    /// The plaintext.
    ///
    /// Throws: `SealError`.
    static func open(
        _ value: Data, at place: Place, key: (String) -> SealingKey?
    ) throws -> [UInt8] {
        try value.withUnsafeBytes { bytes in
            var id: UnsafeRawBufferPointer?
            var nonce: UnsafeRawBufferPointer?
            var ciphertext: UnsafeRawBufferPointer?
            var reader = WireReader(bytes)
            while let field = reader.next() {
                guard case .bytes(let bytes) = field.value else { continue }
                switch field.number {
                case 1: id = bytes
                case 2: nonce = bytes
                case 3: ciphertext = bytes
                default: break
                }
            }
            guard !reader.isMalformed, let id, let nonce, let ciphertext,
                nonce.count == AEADKey.nonceByteCount, ciphertext.count >= AEADKey.tagByteCount
            else { throw SealError.notAuthentic }
            guard let key = key(String(wire: id)) else {
                throw SealError.unknownDataKey(String(wire: id))
            }
            return try open(ciphertext, nonce: nonce, with: key, at: place)
        }
    }

    private static func open(
        _ ciphertext: UnsafeRawBufferPointer, nonce: UnsafeRawBufferPointer, with key: SealingKey,
        at place: Place
    ) throws -> [UInt8] {
        let count = ciphertext.count - AEADKey.tagByteCount
        return try place.associatedData.withUnsafeBytes { associatedData in
            try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                let output = UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[0..<count])
                do {
                    try key.key.open(
                        ciphertext, nonce: nonce, authenticating: associatedData, into: output)
                } catch let error as CryptographyError where error.code == .authenticationFailed {
                    throw SealError.notAuthentic
                }
                initialized = count
            }
        }
    }
}
