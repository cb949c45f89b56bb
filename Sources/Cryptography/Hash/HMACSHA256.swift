import COpenSSL
package import FoundationEssentials

/// HMAC with SHA-256 (RFC 2104, RFC 4231).
package struct HMACSHA256: Sendable {
    package static let byteCount = 32

    private let contexts: ContextPool

    /// A key of any length, prepared once for many messages.
    package init(key: SecretBytes) {
        contexts = ContextPool(
            make: {
                let mac = try Algorithms.hmac.get("HMAC")
                let context = key.withUnsafeBytes {
                    portolan_hmac_sha256_context(mac, $0.bytes, $0.count)
                }
                guard let context else { throw CryptographyError.openSSL("set up HMAC") }
                return context
            },
            free: { EVP_MAC_CTX_free($0) })
    }

    /// The code of `message`, 32 bytes.
    package func authenticationCode(for message: some ContiguousBytes) throws -> [UInt8] {
        try message.withUnsafeBytes { message in
            try [UInt8](unsafeUninitializedCapacity: Self.byteCount) { output, initialized in
                let made = try contexts.withContext { context in
                    var count = 0
                    // Without a key the context starts again with the one it has.
                    return EVP_MAC_init(context, nil, 0, nil) == 1
                        && EVP_MAC_update(context, message.bytes, message.count) == 1
                        && EVP_MAC_final(context, output.baseAddress, &count, output.count) == 1
                        && count == Self.byteCount
                }
                guard made else { throw CryptographyError.openSSL("compute HMAC") }
                initialized = Self.byteCount
            }
        }
    }

    /// Whether `code` belongs to `message`, compared in constant time.
    package func isValid(_ code: [UInt8], for message: some ContiguousBytes) throws -> Bool {
        constantTimeEquals(code, try authenticationCode(for: message))
    }
}
