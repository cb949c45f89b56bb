import COpenSSL

/// A private key for X25519 key agreement (RFC 7748).
// @unchecked: the EVP_PKEY is not changed after init, and OpenSSL locks what it caches in it.
package final class X25519PrivateKey: @unchecked Sendable {
    package static let byteCount = 32

    private let key: OpaquePointer

    /// The public key, 32 bytes.
    package let publicKey: [UInt8]

    /// A fresh random key.
    package convenience init() throws {
        guard let key = portolan_x25519_generate() else {
            throw CryptographyError.openSSL("generate an X25519 key")
        }
        try self.init(adopting: key)
    }

    /// A key from its 32 bytes.
    package convenience init(_ secret: SecretBytes) throws {
        guard secret.count == Self.byteCount else {
            throw CryptographyError(.invalidKey, "an X25519 key has 32 bytes")
        }
        guard let key = secret.withUnsafeBytes({ portolan_x25519_private($0.bytes) }) else {
            throw CryptographyError.openSSL(.invalidKey, "read an X25519 key")
        }
        try self.init(adopting: key)
    }

    private init(adopting key: OpaquePointer) throws {
        self.key = key
        publicKey = try [UInt8](unsafeUninitializedCapacity: Self.byteCount) {
            output, initialized in
            var count = Self.byteCount
            guard EVP_PKEY_get_raw_public_key(key, output.baseAddress, &count) == 1 else {
                throw CryptographyError.openSSL("read an X25519 public key")
            }
            initialized = count
        }
    }

    deinit {
        EVP_PKEY_free(key)
    }

    /// The shared secret, 32 bytes; put it through HKDF before use.
    ///
    /// - Throws: `invalidKey` for a peer key of another size or of small order.
    package func sharedSecret(with peerPublicKey: [UInt8]) throws -> SecretBytes {
        guard peerPublicKey.count == Self.byteCount else {
            throw CryptographyError(.invalidKey, "an X25519 public key has 32 bytes")
        }
        return try SecretBytes(count: Self.byteCount) { output in
            let derived = portolan_x25519_derive(
                key, peerPublicKey, output.baseAddress?.assumingMemoryBound(to: UInt8.self))
            guard derived == 1 else {
                throw CryptographyError.openSSL(.invalidKey, "agree on a secret with X25519")
            }
        }
    }
}
