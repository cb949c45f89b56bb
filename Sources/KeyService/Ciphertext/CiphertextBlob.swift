import Cryptography
import Foundation
import RPC

/// What Encrypt and GenerateDataKey return: all that Decrypt in any Region of the key needs to
/// know.
///
/// Layout: one byte of version (1), one of length and the key ID, 16 bytes of material ID, then
/// nonce, ciphertext and tag of AES-256-GCM. Everything before the nonce, and the encryption
/// context, is authenticated. A multi-Region key has the same ID everywhere, so nothing here names
/// a Region.
struct CiphertextBlob {
    static let byteCountMax = 6144
    static let materialIDByteCount = 16
    static let version: UInt8 = 1

    let keyID: String
    let materialID: [UInt8]
    private let bytes: [UInt8]
    private let headerCount: Int

    /// Splits a blob; says nothing yet about whether it is genuine.
    ///
    /// - Throws: InvalidCiphertextException, ValidationException for a length out of range.
    init(_ blob: Data) throws {
        guard (1...Self.byteCountMax).contains(blob.count) else {
            throw RPCError.validation("A ciphertext has 1 to \(Self.byteCountMax) bytes.")
        }
        bytes = [UInt8](blob)
        guard bytes.count > 2, bytes[0] == Self.version else { throw RPCError.invalidCiphertext }
        let idEnd = 2 + Int(bytes[1])
        headerCount = idEnd + Self.materialIDByteCount
        guard idEnd > 2, bytes.count >= headerCount + AEADKey.overheadByteCount else {
            throw RPCError.invalidCiphertext
        }
        keyID = String(decoding: bytes[2..<idEnd], as: UTF8.self)
        materialID = Array(bytes[idEnd..<headerCount])
    }

    /// What every blob of one version of a key's material begins with.
    static func header(keyID: String, materialID: [UInt8]) -> [UInt8] {
        [version, UInt8(keyID.utf8.count)] + keyID.utf8 + materialID
    }

    /// Opens the blob.
    ///
    /// - Throws: InvalidCiphertextException.
    func open(with key: AEADKey, _ context: EncryptionContext) throws -> Data {
        let count = bytes.count - headerCount - AEADKey.overheadByteCount
        var plaintext = Data(count: count)
        do {
            try withParts(context) { sealed, associated in
                try plaintext.withUnsafeMutableBytes {
                    try key.open(sealed, authenticating: associated, into: $0)
                }
            }
            return plaintext
        } catch {
            throw RPCError.invalidCiphertext
        }
    }

    /// Opens a blob that holds a secret which is not to leave this process.
    func openSecret(with key: AEADKey, _ context: EncryptionContext) throws -> SecretBytes {
        do {
            return try withParts(context) { try key.openSecret($0, authenticating: $1) }
        } catch {
            throw RPCError.invalidCiphertext
        }
    }

    private func withParts<Value>(
        _ context: EncryptionContext,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Value
    ) throws -> Value {
        var associated: [UInt8] = []
        associated.reserveCapacity(headerCount + context.canonicalBytes.count)
        associated += bytes[..<headerCount]
        associated += context.canonicalBytes
        return try associated.withUnsafeBytes { associated in
            try bytes.withUnsafeBytes {
                try body(UnsafeRawBufferPointer(rebasing: $0[headerCount...]), associated)
            }
        }
    }

    /// Makes a blob.
    static func seal(
        _ plaintext: UnsafeRawBufferPointer, with key: SealingMaterial,
        _ context: EncryptionContext
    ) throws -> Data {
        let header = key.header
        var associated: [UInt8] = []
        associated.reserveCapacity(header.count + context.canonicalBytes.count)
        associated += header
        associated += context.canonicalBytes
        var blob = Data(count: header.count + plaintext.count + AEADKey.overheadByteCount)
        do {
            try associated.withUnsafeBytes { associated in
                try blob.withUnsafeMutableBytes { output in
                    output.copyBytes(from: header)
                    try key.key.seal(
                        plaintext, authenticating: associated,
                        into: UnsafeMutableRawBufferPointer(rebasing: output[header.count...]))
                }
            }
        } catch {
            throw RPCError.keysInternal(error)
        }
        return blob
    }
}
