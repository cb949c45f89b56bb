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
    private static let version: UInt8 = 1

    let keyID: String
    let materialID: [UInt8]
    private let header: [UInt8]
    private let sealed: ArraySlice<UInt8>

    /// Splits a blob; says nothing yet about whether it is genuine.
    ///
    /// - Throws: InvalidCiphertextException, ValidationException for a length out of range.
    init(_ blob: Data) throws {
        guard (1...Self.byteCountMax).contains(blob.count) else {
            throw RPCError.validation("A ciphertext has 1 to \(Self.byteCountMax) bytes.")
        }
        let bytes = [UInt8](blob)
        guard bytes.count > 2, bytes[0] == Self.version else { throw RPCError.invalidCiphertext }
        let idEnd = 2 + Int(bytes[1])
        let headerEnd = idEnd + Self.materialIDByteCount
        guard idEnd > 2, bytes.count >= headerEnd + AEADKey.overheadByteCount else {
            throw RPCError.invalidCiphertext
        }
        keyID = String(decoding: bytes[2..<idEnd], as: UTF8.self)
        materialID = Array(bytes[idEnd..<headerEnd])
        header = Array(bytes[..<headerEnd])
        sealed = bytes[headerEnd...]
    }

    /// Opens the blob.
    ///
    /// - Throws: InvalidCiphertextException.
    func open(with key: AEADKey, _ context: EncryptionContext) throws -> Data {
        do {
            return Data(try key.open(sealed, authenticating: header + context.canonicalBytes))
        } catch {
            throw RPCError.invalidCiphertext
        }
    }

    /// Opens a blob that holds a secret which is not to leave this process.
    func openSecret(with key: AEADKey, _ context: EncryptionContext) throws -> SecretBytes {
        do {
            return try (header + context.canonicalBytes).withUnsafeBytes { associated in
                try sealed.withUnsafeBytes { try key.openSecret($0, authenticating: associated) }
            }
        } catch {
            throw RPCError.invalidCiphertext
        }
    }

    /// Makes a blob.
    static func seal(
        _ plaintext: UnsafeRawBufferPointer, with key: ActiveKey, _ context: EncryptionContext
    ) throws -> Data {
        let (materialID, sealing) = try key.currentSealingKey()
        let id = key.stored.keyID.utf8
        var blob: [UInt8] = []
        blob.reserveCapacity(2 + id.count + materialIDByteCount + plaintext.count + 32)
        blob.append(version)
        blob.append(UInt8(id.count))
        blob += id
        blob += materialID
        do {
            blob += try (blob + context.canonicalBytes).withUnsafeBytes {
                try sealing.seal(plaintext, authenticating: $0)
            }
        } catch {
            throw RPCError.keysInternal(error)
        }
        return Data(blob)
    }
}
