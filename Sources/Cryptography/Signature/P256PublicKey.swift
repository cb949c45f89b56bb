import COpenSSL
package import FoundationEssentials

// @unchecked: OpenSSL's keys are reference counted and not changed after they were made.
struct PKeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer
}

/// A public key for ECDSA on P-256 with SHA-256.
// @unchecked: the EVP_PKEY is not changed after init, and OpenSSL locks what it caches in it.
package final class P256PublicKey: @unchecked Sendable {
    private let key: OpaquePointer
    private let verifiers: ContextPool

    /// SubjectPublicKeyInfo in DER, 91 bytes.
    package let spki: [UInt8]

    /// A key from its SubjectPublicKeyInfo.
    ///
    /// - Throws: `invalidKey` for anything else, including points that are not on the curve.
    package init(spki: [UInt8]) throws {
        let key: OpaquePointer? = spki.withUnsafeBytes { bytes in
            var cursor = bytes.bytes
            guard let key = d2i_PUBKEY(nil, &cursor, bytes.count) else { return nil }
            guard cursor == bytes.bytes.map({ $0 + bytes.count }) else {
                EVP_PKEY_free(key)
                return nil
            }
            return key
        }
        guard let key else { throw CryptographyError.openSSL(.invalidKey, "read a public key") }
        guard portolan_is_p256(key) == 1 else {
            EVP_PKEY_free(key)
            throw CryptographyError(.invalidKey, "the key is not on P-256")
        }
        self.key = key
        self.spki = spki
        verifiers = Self.pool(PKeyHandle(pointer: key), verify: 1)
    }

    deinit {
        EVP_PKEY_free(key)
    }

    /// Whether `signature`, in DER, is one of this key for a SHA-256 digest.
    package func isValid(_ signature: [UInt8], digest: [UInt8]) throws -> Bool {
        guard digest.count == SHA256.byteCount, !signature.isEmpty else { return false }
        let valid = try verifiers.withContext { context in
            EVP_PKEY_verify(context, signature, signature.count, digest, digest.count) == 1
        }
        if !valid { _ = CryptographyError.takeOpenSSLError() }
        return valid
    }

    /// Whether `signature`, in DER, is one of this key for `message`.
    package func isValid(_ signature: [UInt8], for message: some ContiguousBytes) throws -> Bool {
        try isValid(signature, digest: SHA256.hash(message))
    }

    static func export(_ key: OpaquePointer) throws -> [UInt8] {
        let count = i2d_PUBKEY(key, nil)
        guard count > 0 else { throw CryptographyError.openSSL("write a public key") }
        return try [UInt8](unsafeUninitializedCapacity: Int(count)) { output, initialized in
            var cursor = output.baseAddress
            guard i2d_PUBKEY(key, &cursor) == count else {
                throw CryptographyError.openSSL("write a public key")
            }
            initialized = Int(count)
        }
    }

    static func pool(_ key: PKeyHandle, verify: Int32) -> ContextPool {
        ContextPool(
            make: {
                guard let context = portolan_signing_context(key.pointer, verify) else {
                    throw CryptographyError.openSSL("set up ECDSA")
                }
                return context
            },
            free: { EVP_PKEY_CTX_free($0) })
    }
}
