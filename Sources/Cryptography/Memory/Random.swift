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

    /// Fills `buffer` with a secret. It is the caller's to keep and to wipe.
    package static func fillSecret(_ buffer: UnsafeMutableRawBufferPointer) throws {
        let bytes = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard RAND_priv_bytes(bytes, Int32(clamping: buffer.count)) == 1 else {
            throw CryptographyError.openSSL("draw a random secret")
        }
    }

    /// Overwrites a secret.
    package static func wipe(_ buffer: UnsafeMutableRawBufferPointer) {
        OPENSSL_cleanse(buffer.baseAddress, buffer.count)
    }

    /// `count` random bytes that never leave the secure heap.
    package static func secret(_ count: Int) throws -> SecretBytes {
        try SecretBytes(count: count) { try fillSecret($0) }
    }
}
