import COpenSSL

/// Random bytes from OpenSSL's generator.
package enum Random {
    /// Fills `buffer`.
    ///
    /// - Throws: `operationFailed` when the generator has no entropy.
    package static func fill(_ buffer: UnsafeMutableRawBufferPointer) throws {
        guard let start = buffer.baseAddress, !buffer.isEmpty else { return }
        let bytes = start.assumingMemoryBound(to: UInt8.self)
        guard RAND_bytes(bytes, Int32(clamping: buffer.count)) == 1, buffer.count <= Int(Int32.max)
        else {
            throw CryptographyError.openSSL("draw random bytes")
        }
    }

    /// `count` random bytes.
    package static func bytes(_ count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            try fill(
                UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[0..<count]))
            initialized = count
        }
    }

    /// `count` random bytes that never leave the secure heap.
    package static func secret(_ count: Int) throws -> SecretBytes {
        try SecretBytes(count: count) { buffer in
            let bytes = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            guard RAND_priv_bytes(bytes, Int32(clamping: buffer.count)) == 1 else {
                throw CryptographyError.openSSL("draw a random secret")
            }
        }
    }
}
