import COpenSSL

/// HKDF with SHA-256 (RFC 5869).
package enum HKDF {
    /// Extracts and expands into the secure heap.
    ///
    /// - Parameters:
    ///   - salt: may be empty.
    ///   - info: what the derived key is for.
    ///   - count: 1 to 8160 (255 times 32).
    package static func derive(
        from input: SecretBytes, salt: [UInt8], info: [UInt8], count: Int
    ) throws -> SecretBytes {
        guard (1...8160).contains(count) else {
            throw CryptographyError(.invalidInput, "HKDF-SHA-256 gives 1 to 8160 bytes")
        }
        let kdf = try Algorithms.hkdf.get("HKDF")
        return try SecretBytes(count: count) { output in
            let derived = input.withUnsafeBytes { input in
                portolan_hkdf_sha256(
                    kdf, input.bytes, input.count, salt, salt.count, info, info.count,
                    output.baseAddress?.assumingMemoryBound(to: UInt8.self), output.count)
            }
            guard derived == 1 else { throw CryptographyError.openSSL("derive with HKDF") }
        }
    }
}
