import COpenSSL

/// AES key wrap with padding (RFC 5649, NIST SP 800-38F KWP) under a key of 128, 192 or 256 bits.
package enum PaddedKeyWrap {
    private static let byteCountMax = 1 << 16

    /// Wraps a secret of any length.
    package static func wrap(_ secret: SecretBytes, under key: SecretBytes) throws -> [UInt8] {
        try check(key)
        let capacity = secret.count + 16
        return try [UInt8](unsafeUninitializedCapacity: capacity) { output, initialized in
            var count: Int32 = 0
            let wrapped = key.withUnsafeBytes { key in
                secret.withUnsafeBytes {
                    portolan_kwp(
                        1, key.bytes, key.count, $0.bytes, Int32($0.count), output.baseAddress,
                        &count)
                }
            }
            guard wrapped == 1 else { throw CryptographyError.openSSL("wrap a key") }
            initialized = Int(count)
        }
    }

    /// Unwraps into the secure heap.
    ///
    /// - Throws: `authenticationFailed` for anything that was not wrapped so.
    package static func unwrap(_ wrapped: [UInt8], under key: SecretBytes) throws -> SecretBytes {
        try check(key)
        guard (16...byteCountMax).contains(wrapped.count), wrapped.count.isMultiple(of: 8) else {
            throw CryptographyError(.authenticationFailed, "a wrapped key has another length")
        }
        var count: Int32 = 0
        let padded = try SecretBytes(count: wrapped.count) { output in
            let unwrapped = key.withUnsafeBytes { key in
                portolan_kwp(
                    0, key.bytes, key.count, wrapped, Int32(wrapped.count),
                    output.baseAddress?.assumingMemoryBound(to: UInt8.self), &count)
            }
            guard unwrapped == 1, count > 0 else {
                throw CryptographyError.openSSL(.authenticationFailed, "unwrap a key")
            }
        }
        return try padded.withUnsafeBytes {
            try SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0[..<Int(count)]))
        }
    }

    private static func check(_ key: SecretBytes) throws {
        guard [16, 24, 32].contains(key.count) else {
            throw CryptographyError(.invalidKey, "an AES key has 16, 24 or 32 bytes")
        }
    }
}
