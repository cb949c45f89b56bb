import COpenSSL

/// A key for AES-256-GCM (NIST SP 800-38D) that is quick for many small messages.
///
/// The key schedule is computed once and kept in pooled contexts, so that an operation costs one
/// nonce set-up and the data itself. Safe to use from any number of threads. A key must not seal
/// more than 2^32 messages with random nonces.
package final class AEADKey: Sendable {
    package static let keyByteCount = 32
    package static let nonceByteCount = 12
    package static let tagByteCount = 16
    /// What `seal(_:authenticating:)` adds to the plaintext.
    package static let overheadByteCount = nonceByteCount + tagByteCount
    /// The longest plaintext, ciphertext or associated data of one call.
    package static let messageByteCountMax = 1 << 30

    private let secret: SecretBytes
    private let sealers: ContextPool
    private let openers: ContextPool

    /// - Throws: `invalidKey` unless `secret` has 32 bytes.
    package init(_ secret: SecretBytes) throws {
        guard secret.count == Self.keyByteCount else {
            throw CryptographyError(.invalidKey, "an AES-256 key has 32 bytes")
        }
        self.secret = secret
        sealers = Self.pool(secret, encrypt: 1)
        openers = Self.pool(secret, encrypt: 0)
    }

    private static func pool(_ secret: SecretBytes, encrypt: Int32) -> ContextPool {
        ContextPool(
            make: {
                let cipher = try Algorithms.aes256GCM.get("AES-256-GCM")
                let context = secret.withUnsafeBytes { key in
                    portolan_gcm_context(
                        cipher, key.baseAddress?.assumingMemoryBound(to: UInt8.self), encrypt)
                }
                guard let context else { throw CryptographyError.openSSL("set up AES-256-GCM") }
                return context
            },
            free: { EVP_CIPHER_CTX_free($0) })
    }

    /// Seals into the caller's memory: ciphertext, then 16 bytes of tag.
    ///
    /// - Parameters:
    ///   - nonce: 12 bytes, never used before with this key.
    ///   - output: exactly 16 bytes longer than `plaintext`, not overlapping it.
    /// - Throws: `invalidInput`, `operationFailed`.
    package func seal(
        _ plaintext: UnsafeRawBufferPointer, nonce: UnsafeRawBufferPointer,
        authenticating associatedData: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws {
        try Self.check(plaintext.count, nonce, associatedData)
        guard output.count == plaintext.count + Self.tagByteCount else {
            throw CryptographyError(.invalidInput, "the output must hold ciphertext and tag")
        }
        let sealed = try sealers.withContext { context in
            portolan_gcm_seal(
                context, nonce.bytes, associatedData.bytes, Int32(associatedData.count),
                plaintext.bytes, Int32(plaintext.count),
                output.baseAddress?.assumingMemoryBound(to: UInt8.self)) == 1
        }
        guard sealed else { throw CryptographyError.openSSL("seal") }
    }

    /// Opens into the caller's memory what `seal(_:nonce:authenticating:into:)` made.
    ///
    /// - Parameter output: exactly 16 bytes shorter than `sealed`; zeroed when authentication
    ///   fails.
    /// - Throws: `invalidInput`, `authenticationFailed`.
    package func open(
        _ sealed: UnsafeRawBufferPointer, nonce: UnsafeRawBufferPointer,
        authenticating associatedData: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws {
        try Self.check(sealed.count, nonce, associatedData)
        let count = sealed.count - Self.tagByteCount
        guard count >= 0, output.count == count else {
            throw CryptographyError(.invalidInput, "the input must hold ciphertext and tag")
        }
        let opened = try openers.withContext { context in
            portolan_gcm_open(
                context, nonce.bytes, associatedData.bytes, Int32(associatedData.count),
                sealed.bytes, Int32(count),
                output.baseAddress?.assumingMemoryBound(to: UInt8.self)) == 1
        }
        guard opened else {
            _ = CryptographyError.takeOpenSSLError()
            throw CryptographyError(.authenticationFailed, "the sealed data does not fit this key")
        }
    }

    private static func check(
        _ messageCount: Int, _ nonce: UnsafeRawBufferPointer,
        _ associatedData: UnsafeRawBufferPointer
    ) throws {
        guard nonce.count == nonceByteCount else {
            throw CryptographyError(.invalidInput, "a nonce has 12 bytes")
        }
        guard max(messageCount, associatedData.count) <= messageByteCountMax else {
            throw CryptographyError(.invalidInput, "a message has at most 1 GiB")
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The start as OpenSSL wants it.
    var bytes: UnsafePointer<UInt8>? { baseAddress?.assumingMemoryBound(to: UInt8.self) }
}
