/// Bytes that a state writes into its snapshot: numbers big-endian, bytes behind their length.
package struct SnapshotPart {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    // Not generic: these are called for every row, from other modules.
    package mutating func append(_ number: UInt8) { bytes.append(number) }
    package mutating func append(_ number: UInt32) { AssociatedData.append(number, to: &bytes) }
    package mutating func append(_ number: UInt64) { AssociatedData.append(number, to: &bytes) }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        AssociatedData.append(bytes, to: &self.bytes)
    }

    mutating func append(contentsOf other: SnapshotPart) {
        bytes.append(contentsOf: other.bytes)
    }
}

/// The same, read in order. Lives only as long as the bytes it was given.
package struct SnapshotPartReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    package var isAtEnd: Bool { offset == bytes.count }

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next number; nil when there are too few bytes left, of which none is read then.
    package mutating func byte() -> UInt8? { number(UInt8.self) }
    package mutating func uint32() -> UInt32? { number(UInt32.self) }
    package mutating func uint64() -> UInt64? { number(UInt64.self) }

    private mutating func number<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
        let count = MemoryLayout<Number>.size
        guard bytes.count - offset >= count else { return nil }
        defer { offset += count }
        return Number(
            bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }

    package mutating func lent() -> UnsafeRawBufferPointer? {
        let start = offset
        guard let count = uint32(), Int(count) <= bytes.count - offset else {
            offset = start
            return nil
        }
        defer { offset += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(count)])
    }
}
