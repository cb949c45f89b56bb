package import FoundationEssentials

/// The usual layout: 12 bytes of random nonce, ciphertext, 16 bytes of tag.
extension AEADKey {
    /// Seals with a fresh random nonce.
    ///
    /// - Returns: nonce, ciphertext and tag: 28 bytes more than `plaintext`.
    package func seal(
        _ plaintext: UnsafeRawBufferPointer, authenticating associatedData: UnsafeRawBufferPointer
    ) throws -> [UInt8] {
        try [UInt8](
            unsafeUninitializedCapacity: plaintext.count + Self.overheadByteCount
        ) { buffer, initialized in
            let whole = UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(buffer)[
                    0..<plaintext.count + Self.overheadByteCount])
            try seal(plaintext, authenticating: associatedData, into: whole)
            initialized = whole.count
        }
    }

    /// Seals with a fresh random nonce into the caller's memory.
    ///
    /// - Parameter output: exactly 28 bytes longer than `plaintext`, not overlapping it.
    package func seal(
        _ plaintext: UnsafeRawBufferPointer, authenticating associatedData: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws {
        guard output.count == plaintext.count + Self.overheadByteCount else {
            throw CryptographyError(.invalidInput, "the output must hold nonce, ciphertext and tag")
        }
        let nonce = UnsafeMutableRawBufferPointer(rebasing: output[..<Self.nonceByteCount])
        try NonceSource.next(into: nonce)
        try seal(
            plaintext, nonce: UnsafeRawBufferPointer(nonce), authenticating: associatedData,
            into: UnsafeMutableRawBufferPointer(rebasing: output[Self.nonceByteCount...]))
    }

    /// Opens what `seal(_:authenticating:)` made.
    ///
    /// - Throws: `invalidInput` when it is shorter than 28 bytes, `authenticationFailed`.
    package func open(
        _ combined: UnsafeRawBufferPointer, authenticating associatedData: UnsafeRawBufferPointer
    ) throws -> [UInt8] {
        let count = try Self.plaintextCount(combined)
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            try open(
                combined, authenticating: associatedData,
                into: UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[0..<count]))
            initialized = count
        }
    }

    /// Opens into the caller's memory what `seal(_:authenticating:)` made.
    ///
    /// - Parameter output: exactly 28 bytes shorter than `combined`; zeroed when authentication
    ///   fails.
    package func open(
        _ combined: UnsafeRawBufferPointer, authenticating associatedData: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) throws {
        _ = try Self.plaintextCount(combined)
        try open(
            UnsafeRawBufferPointer(rebasing: combined[Self.nonceByteCount...]),
            nonce: UnsafeRawBufferPointer(rebasing: combined[..<Self.nonceByteCount]),
            authenticating: associatedData, into: output)
    }

    /// Opens into the secure heap what `seal(_:authenticating:)` made of a secret.
    package func openSecret(
        _ combined: UnsafeRawBufferPointer, authenticating associatedData: UnsafeRawBufferPointer
    ) throws -> SecretBytes {
        let count = try Self.plaintextCount(combined)
        return try SecretBytes(count: count) { buffer in
            try open(combined, authenticating: associatedData, into: buffer)
        }
    }

    /// Seals any contiguous bytes with a fresh random nonce.
    package func seal(
        _ plaintext: some ContiguousBytes, authenticating associatedData: some ContiguousBytes
    ) throws -> [UInt8] {
        try plaintext.withUnsafeBytes { plaintext in
            try associatedData.withUnsafeBytes { try seal(plaintext, authenticating: $0) }
        }
    }

    /// Opens any contiguous bytes.
    package func open(
        _ combined: some ContiguousBytes, authenticating associatedData: some ContiguousBytes
    ) throws -> [UInt8] {
        try combined.withUnsafeBytes { combined in
            try associatedData.withUnsafeBytes { try open(combined, authenticating: $0) }
        }
    }

    private static func plaintextCount(_ combined: UnsafeRawBufferPointer) throws -> Int {
        guard combined.count >= overheadByteCount else {
            throw CryptographyError(.invalidInput, "sealed data has at least 28 bytes")
        }
        return combined.count - overheadByteCount
    }
}
