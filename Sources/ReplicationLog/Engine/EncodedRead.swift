package import Contracts
import SwiftProtobuf

/// Entries read, encoded as they travel: each as an element of field 2 of its message, which is where
/// both a service's and another Region's readers expect them.
package struct EncodedRead: Sendable {
    /// The elements one after the other.
    package var entries: [UInt8]
    /// Where a reader stands after these entries.
    package var through: LogPosition
    /// Whether `through` was the head when it was read.
    package var isAtHead: Bool
    package var compactedThrough: UInt64
    /// Tombstones up to here were gone when it was read.
    package var purgedThrough: UInt64

    package init(
        entries: [UInt8], through: LogPosition, isAtHead: Bool, compactedThrough: UInt64,
        purgedThrough: UInt64
    ) {
        self.entries = entries
        self.through = through
        self.isAtHead = isAtHead
        self.compactedThrough = compactedThrough
        self.purgedThrough = purgedThrough
    }
}

extension LogEngine {
    /// As `read`, and then encodes. An engine that need not make messages of its rows has its own.
    package func readEncoded(_ query: ReadQuery) async throws -> EncodedRead {
        let result = try await read(query)
        var encoder = EntryEncoder(capacity: query.bytesMax)
        for entry in result.entries {
            encoder.add(try entry.serializedBytes() as [UInt8])
        }
        return EncodedRead(
            entries: encoder.bytes, through: result.through, isAtHead: result.isAtHead,
            compactedThrough: result.compactedThrough, purgedThrough: result.purgedThrough)
    }
}

/// Writes entries in the encoding of protobuf.
struct EntryEncoder {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity + capacity / 8) }

    /// Adds an entry that is encoded already.
    mutating func add(_ entry: [UInt8]) {
        bytes.append(0x12)
        add(UInt64(entry.count))
        bytes.append(contentsOf: entry)
    }

    /// Drops what was added after a length.
    mutating func cut(to count: Int) { bytes.removeSubrange(count...) }

    /// An entry whose parts lie in a row. `stream` and `domain` are the fields 1 and 5 as they are
    /// encoded.
    mutating func add(_ row: EntryParts, stream: [UInt8], domain: [UInt8]) {
        bytes.append(0x12)
        add(UInt64(Self.size(of: row) + stream.count + domain.count))
        bytes.append(contentsOf: stream)
        add(2, row.sequence)
        add(3, row.epoch)
        add(4, row.commit)
        bytes.append(contentsOf: domain)
        add(6, row.key)
        add(7, row.version)
        if row.tombstone { add(8, 1) }
        add(9, row.value)
        if row.checksum != 0 {
            bytes.append(10 << 3 | 1)
            withUnsafeBytes(of: row.checksum.littleEndian) { bytes.append(contentsOf: $0) }
        }
        add(11, UInt64(bitPattern: row.writtenAt))
    }

    /// A field that holds a text.
    static func field(_ number: UInt8, _ text: String) -> [UInt8] {
        var encoder = EntryEncoder(capacity: text.utf8.count + 8)
        var text = text
        text.withUTF8 { encoder.add(number, UnsafeRawBufferPointer($0)) }
        return encoder.bytes
    }

    private static func size(of row: EntryParts) -> Int {
        size(row.sequence) + size(row.epoch) + size(row.commit) + size(row.key)
            + size(row.version) + (row.tombstone ? 2 : 0) + size(row.value)
            + (row.checksum != 0 ? 9 : 0) + size(UInt64(bitPattern: row.writtenAt))
    }

    private static func size(_ number: UInt64) -> Int { number == 0 ? 0 : 1 + varintSize(number) }

    private static func size(_ bytes: UnsafeRawBufferPointer) -> Int {
        bytes.isEmpty ? 0 : 1 + varintSize(UInt64(bytes.count)) + bytes.count
    }

    private static func varintSize(_ number: UInt64) -> Int {
        (63 - (number | 1).leadingZeroBitCount) / 7 + 1
    }

    private mutating func add(_ number: UInt8, _ value: UInt64) {
        guard value != 0 else { return }
        bytes.append(number << 3)
        add(value)
    }

    private mutating func add(_ number: UInt8, _ value: UnsafeRawBufferPointer) {
        guard !value.isEmpty else { return }
        bytes.append(number << 3 | 2)
        add(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    private mutating func add(_ varint: UInt64) {
        var rest = varint
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

/// The parts of an entry as they lie in a row of storage; key and value are lent.
struct EntryParts {
    var sequence: UInt64
    var epoch: UInt64
    var commit: UInt64
    var key: UnsafeRawBufferPointer
    var version: UInt64
    var tombstone: Bool
    var value: UnsafeRawBufferPointer
    var checksum: UInt64
    var writtenAt: Int64
}
