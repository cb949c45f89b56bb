import COpenSSL

/// A private key for RSA or for ECDSA on a NIST curve (FIPS 186-4, RFC 8017).
///
/// `P256PrivateKey` does the same for one curve and is faster for many small signatures.
// @unchecked: the EVP_PKEY is not changed after init, and OpenSSL locks what it caches in it.
package final class AsymmetricKey: @unchecked Sendable {
    package enum Kind: Sendable, Equatable {
        case p256, p384, p521
        /// 2048, 3072 or 4096 bits; the public exponent is 65537.
        case rsa(bits: Int)

        var curve: String? {
            switch self {
            case .p256: "P-256"
            case .p384: "P-384"
            case .p521: "P-521"
            case .rsa: nil
            }
        }
    }

    package enum Scheme: Sendable, Equatable {
        /// Signatures in DER.
        case ecdsa
        /// The salt is as long as the digest.
        case pss
        case pkcs1

        var padding: Int32 {
            switch self {
            case .ecdsa: 0
            case .pss: RSA_PKCS1_PSS_PADDING
            case .pkcs1: RSA_PKCS1_PADDING
            }
        }
    }

    package let kind: Kind
    /// SubjectPublicKeyInfo in DER.
    package let spki: [UInt8]
    private let key: OpaquePointer

    /// A fresh random key. RSA takes up to seconds.
    package convenience init(_ kind: Kind) throws {
        let key: OpaquePointer?
        switch kind {
        case .rsa(let bits): key = portolan_rsa_generate(bits)
        case .p256, .p384, .p521: key = portolan_ec_generate(kind.curve)
        }
        guard let key else { throw CryptographyError.openSSL("generate a key") }
        try self.init(adopting: key, kind)
    }

    /// A key from its PKCS #8 form in DER.
    ///
    /// - Throws: `invalidKey` for anything else, including keys of another kind.
    package convenience init(_ kind: Kind, pkcs8: SecretBytes) throws {
        let key: OpaquePointer? = pkcs8.withUnsafeBytes { bytes in
            var cursor = bytes.bytes
            guard let info = d2i_PKCS8_PRIV_KEY_INFO(nil, &cursor, bytes.count) else { return nil }
            defer { PKCS8_PRIV_KEY_INFO_free(info) }
            guard cursor == bytes.bytes.map({ $0 + bytes.count }) else { return nil }
            return EVP_PKCS82PKEY(info)
        }
        guard let key else { throw CryptographyError.openSSL(.invalidKey, "read a PKCS #8 key") }
        try self.init(adopting: key, kind)
    }

    private init(adopting key: OpaquePointer, _ kind: Kind) throws {
        let fits =
            switch kind {
            case .rsa(let bits): portolan_is_rsa(key, Int32(bits)) == 1
            case .p256, .p384, .p521: portolan_is_curve(key, kind.curve) == 1
            }
        do {
            guard fits else { throw CryptographyError(.invalidKey, "the key is of another kind") }
            spki = try P256PublicKey.export(key)
        } catch {
            EVP_PKEY_free(key)
            throw error
        }
        self.key = key
        self.kind = kind
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

    /// A signature of a digest.
    ///
    /// - Throws: `invalidInput` for a digest of another length.
    package func sign(
        digest: [UInt8], _ scheme: Scheme, _ hash: HashAlgorithm
    ) throws -> [UInt8] {
        guard digest.count == hash.byteCount else {
            throw CryptographyError(.invalidInput, "the digest has another length")
        }
        return try withContext(scheme, hash, verify: 0) { context in
            let capacity = Int(EVP_PKEY_get_size(key))
            return try [UInt8](unsafeUninitializedCapacity: capacity) { output, initialized in
                var count = capacity
                guard
                    EVP_PKEY_sign(context, output.baseAddress, &count, digest, digest.count) == 1
                else { throw CryptographyError.openSSL("sign") }
                initialized = count
            }
        }
    }

    /// Whether a signature is one of this key for a digest.
    package func isValid(
        _ signature: [UInt8], digest: [UInt8], _ scheme: Scheme, _ hash: HashAlgorithm
    ) throws -> Bool {
        guard digest.count == hash.byteCount, !signature.isEmpty else { return false }
        return try withContext(scheme, hash, verify: 1) { context in
            let isValid =
                EVP_PKEY_verify(context, signature, signature.count, digest, digest.count) == 1
            if !isValid { _ = CryptographyError.takeOpenSSLError() }
            return isValid
        }
    }

    /// RSAES-OAEP with an empty label.
    ///
    /// - Throws: `invalidInput` when the plaintext is too long for the key.
    package func encrypt(
        _ plaintext: UnsafeRawBufferPointer, _ hash: HashAlgorithm
    ) throws -> [UInt8] {
        let capacity = Int(EVP_PKEY_get_size(key))
        guard case .rsa = kind, plaintext.count <= capacity - 2 * hash.byteCount - 2 else {
            throw CryptographyError(.invalidInput, "the plaintext is too long for the key")
        }
        return try hash.withDigest { digest in
            try [UInt8](unsafeUninitializedCapacity: capacity) { output, initialized in
                var count = capacity
                guard
                    portolan_oaep(
                        key, 1, digest, plaintext.bytes, plaintext.count, output.baseAddress,
                        &count) == 1
                else { throw CryptographyError.openSSL("encrypt with RSA") }
                initialized = count
            }
        }
    }

    /// The reverse of `encrypt`.
    ///
    /// - Throws: `authenticationFailed` for anything that was not made so.
    package func decrypt(_ ciphertext: [UInt8], _ hash: HashAlgorithm) throws -> SecretBytes {
        let capacity = Int(EVP_PKEY_get_size(key))
        guard case .rsa = kind, ciphertext.count == capacity else {
            throw CryptographyError(.authenticationFailed, "the ciphertext has another length")
        }
        return try hash.withDigest { digest in
            var count = capacity
            let padded = try SecretBytes(count: capacity) { output in
                guard
                    portolan_oaep(
                        key, 0, digest, ciphertext, ciphertext.count,
                        output.baseAddress?.assumingMemoryBound(to: UInt8.self), &count) == 1
                else {
                    throw CryptographyError.openSSL(.authenticationFailed, "decrypt with RSA")
                }
            }
            return try padded.withUnsafeBytes {
                try SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0[..<count]))
            }
        }
    }

    private func withContext<Value>(
        _ scheme: Scheme, _ hash: HashAlgorithm, verify: Int32,
        _ body: (OpaquePointer) throws -> Value
    ) throws -> Value {
        guard (kind.curve != nil) == (scheme == .ecdsa) else {
            throw CryptographyError(.invalidInput, "the scheme is not for this kind of key")
        }
        return try hash.withDigest { digest in
            guard
                let context = portolan_digest_signing_context(key, verify, scheme.padding, digest)
            else { throw CryptographyError.openSSL("set up a signature") }
            defer { EVP_PKEY_CTX_free(context) }
            return try body(context)
        }
    }
}
