import COpenSSL

/// Bytes that live in the secure heap and are wiped when their owner goes.
///
/// Of fixed size and never changed after it was made. It has no description, is not encodable,
/// and lends its memory only inside `withUnsafeBytes`.
// @unchecked: the memory is written only in init, before any other thread can see the object.
package final class SecretBytes: @unchecked Sendable {
    /// Number of bytes, at least 1.
    package let count: Int
    private let memory: UnsafeMutableRawPointer

    /// Makes a secret by filling fresh zeroed memory.
    ///
    /// - Parameters:
    ///   - count: 1 to 1 MiB.
    ///   - fill: writes the bytes; when it throws, the memory is wiped and released.
    /// - Throws: `invalidInput`, `outOfSecureMemory`, and what `fill` throws.
    package init(count: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Void) throws {
        guard (1...1 << 20).contains(count) else {
            throw CryptographyError(.invalidInput, "a secret has 1 to 1048576 bytes")
        }
        try SecureHeap.start()
        guard let memory = portolan_secure_allocate(count) else {
            throw CryptographyError.openSSL(.outOfSecureMemory, "allocate \(count) bytes")
        }
        self.count = count
        self.memory = memory
        try fill(UnsafeMutableRawBufferPointer(start: memory, count: count))
    }

    /// Copies `bytes`. The caller's copy stays as it is; see `wiping(_:)`.
    package convenience init(copying bytes: UnsafeRawBufferPointer) throws {
        try self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
    }

    /// Copies `bytes`. The caller's copy stays as it is; see `wiping(_:)`.
    package convenience init(copying bytes: [UInt8]) throws {
        try self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    /// Copies `bytes` and overwrites them.
    package convenience init(wiping bytes: inout [UInt8]) throws {
        defer { Wipe.overwrite(&bytes) }
        try self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    deinit {
        portolan_secure_free(memory, count)
    }

    /// Lends the bytes. The pointer must not leave `body`.
    package func withUnsafeBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try body(UnsafeRawBufferPointer(start: memory, count: count))
    }

    /// Compares in time that depends on the lengths only.
    package func equals(_ other: SecretBytes) -> Bool {
        withUnsafeBytes { own in other.withUnsafeBytes { constantTimeEquals(own, $0) } }
    }
}

/// Overwriting of ordinary memory that held something secret for a moment.
package enum Wipe {
    /// Sets every byte to zero in a way that the optimiser keeps.
    package static func overwrite(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
    }

    /// Sets every byte to zero in a way that the optimiser keeps.
    package static func overwrite(_ bytes: UnsafeMutableRawBufferPointer) {
        OPENSSL_cleanse(bytes.baseAddress, bytes.count)
    }
}

/// Whether two byte strings are equal, in time that depends on their lengths only.
package func constantTimeEquals(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer)
    -> Bool
{
    guard one.count == other.count else { return false }
    return one.isEmpty || CRYPTO_memcmp(one.baseAddress, other.baseAddress, one.count) == 0
}

/// Whether two byte strings are equal, in time that depends on their lengths only.
package func constantTimeEquals(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    one.withUnsafeBytes { one in other.withUnsafeBytes { constantTimeEquals(one, $0) } }
}
