import COpenSSL

/// A private key for Diffie-Hellman on P-256 (NIST SP 800-56A, cofactor 1), used once.
///
/// The curve is one that FIPS 140 approves, so that transfers need nothing else where that is asked
/// for.
// @unchecked: the EVP_PKEY is not changed after init, and OpenSSL locks what it caches in it.
package final class P256AgreementKey: @unchecked Sendable {
    /// Of a private key and of a shared secret.
    package static let byteCount = 32
    /// Of a public key.
    package static let publicKeyByteCount = 65

    private let key: OpaquePointer

    /// The public key: an uncompressed point (SEC 1), 65 bytes.
    package let publicKey: [UInt8]

    /// A fresh random key.
    package convenience init() throws {
        guard let key = portolan_p256_generate() else {
            throw CryptographyError.openSSL("generate a P-256 key")
        }
        try self.init(adopting: key)
    }

    /// A key from its PKCS #8 form.
    package convenience init(pkcs8: SecretBytes) throws {
        let key: OpaquePointer? = pkcs8.withUnsafeBytes { bytes in
            var cursor = bytes.bytes
            guard let info = d2i_PKCS8_PRIV_KEY_INFO(nil, &cursor, bytes.count) else { return nil }
            defer { PKCS8_PRIV_KEY_INFO_free(info) }
            return EVP_PKCS82PKEY(info)
        }
        guard let key else { throw CryptographyError.openSSL(.invalidKey, "read a P-256 key") }
        try self.init(adopting: key)
    }

    private init(adopting key: OpaquePointer) throws {
        self.key = key
        guard portolan_is_p256(key) == 1 else {
            EVP_PKEY_free(key)
            throw CryptographyError(.invalidKey, "the key is not on P-256")
        }
        var start: UnsafeMutablePointer<UInt8>?
        let count = EVP_PKEY_get1_encoded_public_key(key, &start)
        defer { portolan_free(start) }
        guard let point = start, count == Self.publicKeyByteCount else {
            EVP_PKEY_free(key)
            throw CryptographyError.openSSL("read a P-256 public key")
        }
        publicKey = Array(UnsafeBufferPointer(start: point, count: count))
    }

    deinit {
        EVP_PKEY_free(key)
    }

    /// The shared secret, 32 bytes; put it through HKDF before use.
    ///
    /// - Throws: `invalidKey` for a peer key of another size or that is no point of the curve.
    package func sharedSecret(with peerPublicKey: [UInt8]) throws -> SecretBytes {
        guard peerPublicKey.count == Self.publicKeyByteCount else {
            throw CryptographyError(.invalidKey, "a P-256 public key has 65 bytes")
        }
        return try SecretBytes(count: Self.byteCount) { output in
            let derived = portolan_p256_derive(
                key, peerPublicKey, peerPublicKey.count,
                output.baseAddress?.assumingMemoryBound(to: UInt8.self))
            guard derived == 1 else {
                throw CryptographyError.openSSL(.invalidKey, "agree on a secret on P-256")
            }
        }
    }
}
