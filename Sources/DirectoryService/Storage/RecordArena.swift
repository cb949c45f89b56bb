import NIOCore

/// Encoded records packed into slabs, so that a million of them cost little more than their bytes.
///
/// A record is lent as a slice of its slab without a copy. Bytes that are given up are counted; once
/// more than half is waste the owner moves what lives into a new arena.
struct RecordArena {
    /// Where a record lies. An empty record is no record.
    struct Reference {
        var slab: UInt32 = 0
        var offset: UInt32 = 0
        var length: UInt32 = 0

        var isEmpty: Bool { length == 0 }
    }

    private static let slabBytes = 64 << 10

    private var slabs: [ByteBuffer] = []
    private(set) var liveBytes = 0
    private(set) var wastedBytes = 0

    /// Whether moving what lives is worth it.
    var isWasteful: Bool { wastedBytes > liveBytes + (16 << 20) }

    mutating func add(_ record: [UInt8]) -> Reference {
        if slabs.isEmpty || slabs[slabs.count - 1].writableBytes < record.count {
            slabs.append(
                ByteBufferAllocator().buffer(capacity: max(Self.slabBytes, record.count)))
        }
        let last = slabs.count - 1
        let offset = slabs[last].writerIndex
        slabs[last].writeBytes(record)
        liveBytes += record.count
        return Reference(
            slab: UInt32(last), offset: UInt32(offset), length: UInt32(record.count))
    }

    mutating func giveUp(_ reference: Reference) {
        liveBytes -= Int(reference.length)
        wastedBytes += Int(reference.length)
    }

    /// The record, sharing the slab's memory.
    func slice(_ reference: Reference) -> ByteBuffer {
        guard !reference.isEmpty,
            let slice = slabs[Int(reference.slab)].getSlice(
                at: Int(reference.offset), length: Int(reference.length))
        else { return ByteBuffer() }
        return slice
    }

    func withBytes<Result>(
        _ reference: Reference, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        guard !reference.isEmpty else {
            return try body(UnsafeRawBufferPointer(start: nil, count: 0))
        }
        return try slabs[Int(reference.slab)].withUnsafeReadableBytes { slab in
            let start = Int(reference.offset)
            return try body(
                UnsafeRawBufferPointer(rebasing: slab[start..<start + Int(reference.length)]))
        }
    }
}
