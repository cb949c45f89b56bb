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
        let count = plaintext.count + AEADKey.tagByteCount
        // Fields 1 to 3 of a StateSealedRecord; the ciphertext is written where it will stay.
        var record = Data(capacity: id.utf8.count + nonce.count + count + 16)
        append(1, count: id.utf8.count, to: &record)
        record.append(contentsOf: id.utf8)
        append(2, count: nonce.count, to: &record)
        record.append(contentsOf: nonce)
        append(3, count: count, to: &record)
        let start = record.count
        record.count += count
        try record.withUnsafeMutableBytes { record in
            let output = UnsafeMutableRawBufferPointer(rebasing: record[start...])
            try plaintext.withUnsafeBytes { plaintext in
                try nonce.withUnsafeBytes { nonce in
                    try place.associatedData.withUnsafeBytes { associatedData in
                        try key.key.seal(
                            plaintext, nonce: nonce, authenticating: associatedData, into: output)
                    }
                }
            }
        }
        return record
    }

    /// The head of a field of bytes.
    private static func append(_ number: UInt8, count: Int, to record: inout Data) {
        record.append(number << 3 | 2)
        var rest = count
        while rest >= 0x80 {
            record.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        record.append(UInt8(rest))
    }

    /// The plaintext.
    ///
    /// Throws: `SealError`.
    static func open(
        _ value: Data, at place: Place, key: (String) -> SealingKey?
    ) throws -> [UInt8] {
        try value.withUnsafeBytes { bytes in
            guard let parts = SealedParts(bytes) else { throw SealError.notAuthentic }
            guard let key = key(String(wire: parts.keyID)) else {
                throw SealError.unknownDataKey(String(wire: parts.keyID))
            }
            return try open(parts.ciphertext, nonce: parts.nonce, with: key, at: place)
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

/// The parts of an encoded `StateSealedRecord`, in place.
struct SealedParts {
    let keyID: UnsafeRawBufferPointer
    let nonce: UnsafeRawBufferPointer
    /// With its tag.
    let ciphertext: UnsafeRawBufferPointer

    /// Nil when the bytes are no sealed record.
    init?(_ value: UnsafeRawBufferPointer) {
        var id: UnsafeRawBufferPointer?
        var nonce: UnsafeRawBufferPointer?
        var ciphertext: UnsafeRawBufferPointer?
        var reader = WireReader(value)
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
        else { return nil }
        keyID = id
        self.nonce = nonce
        self.ciphertext = ciphertext
    }
}
