import COpenSSL
package import FoundationEssentials

/// The hash functions of FIPS 180-4 that signatures and authentication codes are made with.
package enum HashAlgorithm: String, Sendable, CaseIterable {
    /// Inside RSAES-OAEP only.
    case sha1 = "SHA1"
    case sha224 = "SHA2-224"
    case sha256 = "SHA2-256"
    case sha384 = "SHA2-384"
    case sha512 = "SHA2-512"

    /// Length of a digest.
    package var byteCount: Int {
        switch self {
        case .sha1: 20
        case .sha224: 28
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }

    /// The digest of `data`.
    package func hash(_ data: some ContiguousBytes) throws -> [UInt8] {
        try data.withUnsafeBytes { data in
            try [UInt8](unsafeUninitializedCapacity: byteCount) { output, initialized in
                var count = 0
                guard
                    EVP_Q_digest(
                        nil, rawValue, nil, data.baseAddress, data.count, output.baseAddress,
                        &count) == 1, count == byteCount
                else { throw CryptographyError.openSSL("hash with \(rawValue)") }
                initialized = count
            }
        }
    }

    /// HMAC (RFC 2104) of `message` under `key`.
    package func authenticationCode(
        for message: some ContiguousBytes, key: SecretBytes
    ) throws -> [UInt8] {
        try message.withUnsafeBytes { message in
            try key.withUnsafeBytes { key in
                try [UInt8](unsafeUninitializedCapacity: byteCount) { output, initialized in
                    var count = 0
                    let made = EVP_Q_mac(
                        nil, "HMAC", nil, rawValue, nil, key.baseAddress, key.count, message.bytes,
                        message.count, output.baseAddress, output.count, &count)
                    guard made != nil, count == byteCount else {
                        throw CryptographyError.openSSL("compute HMAC with \(rawValue)")
                    }
                    initialized = count
                }
            }
        }
    }

    /// Lends OpenSSL's implementation.
    func withDigest<Value>(_ body: (OpaquePointer) throws -> Value) throws -> Value {
        guard let digest = EVP_MD_fetch(nil, rawValue, nil) else {
            throw CryptographyError.openSSL("OpenSSL offers no \(rawValue)")
        }
        defer { EVP_MD_free(digest) }
        return try body(digest)
    }
}
