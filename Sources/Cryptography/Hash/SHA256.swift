import COpenSSL
package import FoundationEssentials

/// SHA-256 (FIPS 180-4).
package enum SHA256 {
    package static let byteCount = 32

    /// The digest of `data`.
    package static func hash(_ data: UnsafeRawBufferPointer) throws -> [UInt8] {
        let algorithm = try Algorithms.sha256.get("SHA-256")
        return try [UInt8](unsafeUninitializedCapacity: byteCount) { output, initialized in
            var count: UInt32 = 0
            guard
                EVP_Digest(
                    data.baseAddress, data.count, output.baseAddress, &count, algorithm, nil) == 1,
                count == UInt32(byteCount)
            else { throw CryptographyError.openSSL("hash") }
            initialized = byteCount
        }
    }

    /// The digest of any contiguous bytes.
    package static func hash(_ data: some ContiguousBytes) throws -> [UInt8] {
        try data.withUnsafeBytes { try hash($0) }
    }
}
