import COpenSSL

/// Implementations fetched once per process, since a fetch costs more than a small operation.
///
/// The first use fixes which provider is taken, so `FIPSProvider.use()` must run before.
enum Algorithms {
    // @unchecked: OpenSSL's method objects are immutable and reference counted.
    struct Fetched: @unchecked Sendable {
        let pointer: OpaquePointer?

        func get(_ name: String) throws -> OpaquePointer {
            guard let pointer else {
                throw CryptographyError(.operationFailed, "OpenSSL offers no \(name)")
            }
            return pointer
        }
    }

    static let aes256GCM = Fetched(pointer: EVP_CIPHER_fetch(nil, "AES-256-GCM", nil))
    static let sha256 = Fetched(pointer: EVP_MD_fetch(nil, "SHA2-256", nil))
    static let hmac = Fetched(pointer: EVP_MAC_fetch(nil, "HMAC", nil))
    static let hkdf = Fetched(pointer: EVP_KDF_fetch(nil, "HKDF", nil))
}
