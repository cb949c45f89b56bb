import COpenSSL
package import FoundationEssentials

/// A private key for ECDSA on P-256 with SHA-256 (FIPS 186-4).
// @unchecked: the EVP_PKEY is not changed after init, and OpenSSL locks what it caches in it.
package final class P256PrivateKey: @unchecked Sendable {
    private let key: OpaquePointer
    private let signers: ContextPool

    /// The public half.
    package let publicKey: P256PublicKey

    /// A fresh random key.
    package convenience init() throws {
        guard let key = portolan_p256_generate() else {
            throw CryptographyError.openSSL("generate a P-256 key")
        }
        try self.init(adopting: key)
    }

    /// A key from its PKCS #8 form in DER, as `pkcs8()` gives it.
    ///
    /// - Throws: `invalidKey` for anything else, including keys on other curves.
    package convenience init(pkcs8: SecretBytes) throws {
        let key: OpaquePointer? = pkcs8.withUnsafeBytes { bytes in
            var cursor = bytes.bytes
            guard let info = d2i_PKCS8_PRIV_KEY_INFO(nil, &cursor, bytes.count) else { return nil }
            defer { PKCS8_PRIV_KEY_INFO_free(info) }
            guard cursor == bytes.bytes.map({ $0 + bytes.count }) else { return nil }
            return EVP_PKCS82PKEY(info)
        }
        guard let key else { throw CryptographyError.openSSL(.invalidKey, "read a PKCS #8 key") }
        try self.init(adopting: key)
    }

    private init(adopting key: OpaquePointer) throws {
        guard portolan_is_p256(key) == 1 else {
            EVP_PKEY_free(key)
            throw CryptographyError(.invalidKey, "the key is not on P-256")
        }
        let publicKey: P256PublicKey
        do {
            publicKey = try P256PublicKey(spki: P256PublicKey.export(key))
        } catch {
            EVP_PKEY_free(key)
            throw error
        }
        self.key = key
        self.publicKey = publicKey
        let handle = PKeyHandle(pointer: key)
        signers = P256PublicKey.pool(handle, verify: 0)
    }

    deinit {
        EVP_PKEY_free(key)
    }

    /// The PKCS #8 form in DER.
    package func pkcs8() throws -> SecretBytes {
        guard let info = EVP_PKEY2PKCS8(key) else {
            throw CryptographyError.openSSL("write a PKCS #8 key")
        }
        defer { PKCS8_PRIV_KEY_INFO_free(info) }
        let count = i2d_PKCS8_PRIV_KEY_INFO(info, nil)
        return try SecretBytes(count: Int(count)) { output in
            var cursor = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
            guard i2d_PKCS8_PRIV_KEY_INFO(info, &cursor) == count else {
                throw CryptographyError.openSSL("write a PKCS #8 key")
            }
        }
    }

    /// A signature of a SHA-256 digest, in DER (70 to 72 bytes, rarely fewer).
    ///
    /// - Throws: `invalidInput` unless the digest has 32 bytes.
    package func sign(digest: [UInt8]) throws -> [UInt8] {
        guard digest.count == SHA256.byteCount else {
            throw CryptographyError(.invalidInput, "a SHA-256 digest has 32 bytes")
        }
        let capacity = 80
        return try [UInt8](unsafeUninitializedCapacity: capacity) { output, initialized in
            var count = capacity
            let signed = try signers.withContext { context in
                EVP_PKEY_sign(context, output.baseAddress, &count, digest, digest.count) == 1
            }
            guard signed else { throw CryptographyError.openSSL("sign") }
            initialized = count
        }
    }

    /// The longest signature.
    package static let signatureByteCountMax = 72

    /// Writes a signature of a SHA-256 digest, in DER, into the caller's memory.
    ///
    /// - Parameter output: at least `signatureByteCountMax` bytes.
    /// - Returns: the signature's length.
    /// - Throws: `invalidInput` unless the digest has 32 bytes and the signature room.
    package func sign(
        digest: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws -> Int {
        guard digest.count == SHA256.byteCount, output.count >= Self.signatureByteCountMax else {
            throw CryptographyError(.invalidInput, "a SHA-256 digest has 32 bytes")
        }
        var count = output.count
        let signed = try signers.withContext { context in
            EVP_PKEY_sign(
                context, output.baseAddress?.assumingMemoryBound(to: UInt8.self), &count,
                digest.bytes, digest.count) == 1
        }
        guard signed else { throw CryptographyError.openSSL("sign") }
        return count
    }

    /// A signature of `message`, in DER.
    package func sign(_ message: some ContiguousBytes) throws -> [UInt8] {
        try sign(digest: SHA256.hash(message))
    }
}
