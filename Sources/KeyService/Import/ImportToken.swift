import Contracts
import Cryptography
import Foundation
import RPC

/// What GetParametersForImport gives out and ImportKeyMaterial takes back: the private half of the
/// wrapping key, sealed under the root key together with what it is for. Nothing about it is kept
/// here, and nobody else can open it.
///
/// Layout: "PIT1", when it expires (8 bytes of microseconds since 1970), one byte of wrapping
/// algorithm, two of the wrapping key's bits, then the wrapped PKCS #8 of the wrapping key. What is
/// before that, and the key's ID, is authenticated.
struct ImportToken {
    static let validMicroseconds: Int64 = 24 * 3_600_000_000
    static let byteCountMax = 6144
    private static let magic = Array("PIT1".utf8)
    private static let headerByteCount = 15

    let expiresAtMicroseconds: Int64
    let algorithm: KeysWrappingAlgorithm
    let wrappingKey: AsymmetricKey

    /// A fresh wrapping key.
    ///
    /// - Throws: `CryptographyError`.
    init(_ algorithm: KeysWrappingAlgorithm, bits: Int, now: Int64) throws {
        self.algorithm = algorithm
        expiresAtMicroseconds = now + Self.validMicroseconds
        wrappingKey = try AsymmetricKey(.rsa(bits: bits))
    }

    /// Opens a token.
    ///
    /// - Throws: InvalidImportTokenException when it was made for another key, altered, or sealed
    ///   under another root key.
    init(_ token: Data, keyID: String, rootKey: any RootKey) throws {
        let bytes = [UInt8](token)
        guard bytes.count > Self.headerByteCount, bytes.count <= Self.byteCountMax,
            bytes.starts(with: Self.magic)
        else { throw Self.invalid }
        let header = Array(bytes[..<Self.headerByteCount])
        expiresAtMicroseconds = header[4..<12].reduce(0) { $0 << 8 | Int64($1) }
        let bits = Int(header[13]) << 8 | Int(header[14])
        do {
            let secret = try rootKey.unwrap(
                Array(bytes[Self.headerByteCount...]), context: Self.context(header, keyID))
            algorithm = KeysWrappingAlgorithm(rawValue: Int(header[12])) ?? .unspecified
            wrappingKey = try AsymmetricKey(.rsa(bits: bits), pkcs8: secret)
        } catch {
            throw Self.invalid
        }
    }

    /// The token as it is given out.
    func sealed(keyID: String, rootKey: any RootKey) throws -> Data {
        var header = Self.magic
        for shift in stride(from: 56, through: 0, by: -8) {
            header.append(UInt8(truncatingIfNeeded: expiresAtMicroseconds >> Int64(shift)))
        }
        header.append(UInt8(algorithm.rawValue))
        guard case .rsa(let bits) = wrappingKey.kind else { throw Self.invalid }
        header.append(UInt8(bits >> 8))
        header.append(UInt8(truncatingIfNeeded: bits))
        let wrapped = try rootKey.wrap(
            wrappingKey.pkcs8(), context: Self.context(header, keyID))
        return Data(header + wrapped)
    }

    /// Opens what was wrapped for this token.
    ///
    /// - Throws: InvalidCiphertextException.
    func unwrap(_ wrapped: Data) throws -> SecretBytes {
        guard let parts = algorithm.parts else { throw Self.invalid }
        do {
            let bytes = [UInt8](wrapped)
            guard parts.usesAESKey else { return try wrappingKey.decrypt(bytes, parts.hash) }
            guard case .rsa(let bits) = wrappingKey.kind, bytes.count > bits / 8 else {
                throw RPCError.invalidCiphertext
            }
            let key = try wrappingKey.decrypt(Array(bytes[..<(bits / 8)]), parts.hash)
            guard key.count == AEADKey.keyByteCount else { throw RPCError.invalidCiphertext }
            return try PaddedKeyWrap.unwrap(Array(bytes[(bits / 8)...]), under: key)
        } catch {
            throw RPCError.invalidImport(
                "InvalidCiphertextException",
                "The material was not wrapped with \(algorithm.kmsName) for this import token.")
        }
    }

    private static func context(_ header: [UInt8], _ keyID: String) -> [UInt8] {
        Array("portolan import token/1/\(keyID)/".utf8) + header
    }

    private static var invalid: RPCError {
        .invalidImport(
            "InvalidImportTokenException",
            "The import token is not one for this key; call GetParametersForImport again.")
    }
}
