import Crypto
import Foundation

/// SHA-256 over typed fields: integers as 8 bytes big-endian, strings and bytes preceded by their
/// length as 4 bytes big-endian, booleans as one byte.
struct FieldHasher {
    private var buffer: [UInt8] = []

    init(capacity: Int) { buffer.reserveCapacity(capacity) }

    mutating func add(_ value: UInt64) {
        withUnsafeBytes(of: value.bigEndian) { buffer.append(contentsOf: $0) }
    }

    mutating func add(_ flag: Bool) { buffer.append(flag ? 1 : 0) }

    mutating func add(_ text: String) {
        addLength(text.utf8.count)
        buffer.append(contentsOf: text.utf8)
    }

    mutating func add(_ bytes: Data) { bytes.withUnsafeBytes { add($0) } }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        addLength(bytes.count)
        buffer.append(contentsOf: bytes)
    }

    /// Begins again; the memory stays.
    mutating func removeAll() { buffer.removeAll(keepingCapacity: true) }

    private mutating func addLength(_ count: Int) {
        withUnsafeBytes(of: UInt32(count).bigEndian) { buffer.append(contentsOf: $0) }
    }

    /// The 32 bytes as four 64-bit numbers in the given byte order.
    func lanes(bigEndian: Bool) -> SIMD4<UInt64> {
        let digest = buffer.withUnsafeBytes { bytes in
            var hash = SHA256()
            hash.update(bufferPointer: bytes)
            return hash.finalize()
        }
        return digest.withUnsafeBytes { bytes in
            var lanes = SIMD4<UInt64>()
            for lane in 0..<4 {
                let raw = bytes.loadUnaligned(fromByteOffset: lane * 8, as: UInt64.self)
                lanes[lane] = bigEndian ? UInt64(bigEndian: raw) : UInt64(littleEndian: raw)
            }
            return lanes
        }
    }
}
