import Foundation
import NIOCore

/// Encoded records packed into slabs, so that a million of them cost little more than their bytes.
///
/// A record is lent where it lies. Bytes that are given up are counted; once more than half is waste
/// the owner moves what lives into a new arena. Records are only ever added behind others, so copies
/// of an arena may share slabs.
struct RecordArena {
    /// Where a record lies. An empty record is no record.
    struct Reference {
        var slab: UInt32 = 0
        var offset: UInt32 = 0
        var length: UInt32 = 0

        var isEmpty: Bool { length == 0 }
    }

    private static let smallSlabBytes = 64 << 10
    /// From so many small slabs on, a slab takes a whole huge page: reads of a million records spread
    /// over memory then find its address in the processor's tables.
    private static let smallSlabs = 16

    private var slabs: [HugeMemory] = []
    /// Where the slabs are: looking here spares a reader the way through the owners.
    private var bases: [UnsafeRawPointer] = []
    private var used = 0
    private(set) var liveBytes = 0
    private(set) var wastedBytes = 0

    /// Whether moving what lives is worth it.
    var isWasteful: Bool { wastedBytes > liveBytes + (16 << 20) }

    mutating func add(_ record: UnsafeRawBufferPointer) -> Reference {
        if (slabs.last?.count ?? 0) - used < record.count { grow(for: record.count) }
        let last = slabs.count - 1
        slabs[last].write(record, at: used)
        let reference = Reference(
            slab: UInt32(last), offset: UInt32(used), length: UInt32(record.count))
        used += record.count
        liveBytes += record.count
        return reference
    }

    private mutating func grow(for count: Int) {
        let usual = slabs.count < Self.smallSlabs ? Self.smallSlabBytes : HugeMemory.pageBytes
        let slab = HugeMemory(count: max(usual, count))
        slabs.append(slab)
        bases.append(slab.base)
        used = 0
    }

    mutating func giveUp(_ reference: Reference) {
        liveBytes -= Int(reference.length)
        wastedBytes += Int(reference.length)
    }

    /// A copy of the record.
    func copy(_ reference: Reference) -> ByteBuffer {
        withBytes(reference) { ByteBuffer(bytes: $0) }
    }

    func withBytes<Result>(
        _ reference: Reference, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        guard !reference.isEmpty else {
            return try body(UnsafeRawBufferPointer(start: nil, count: 0))
        }
        return try withExtendedLifetime(slabs) {
            try body(
                UnsafeRawBufferPointer(
                    start: bases[Int(reference.slab)] + Int(reference.offset),
                    count: Int(reference.length)))
        }
    }
}

/// Memory that the system is asked to back with huge pages where it is large enough for them.
///
/// Written once at each place, by the one who holds the state's lock, before anybody reads there.
final class HugeMemory {
    static let pageBytes = 2 << 20

    let count: Int
    private let memory: UnsafeMutableRawPointer
    var base: UnsafeRawPointer { UnsafeRawPointer(memory) }

    init(count: Int) {
        self.count = count
        let isHuge = count >= Self.pageBytes
        memory = .allocate(byteCount: count, alignment: isHuge ? Self.pageBytes : 64)
        // Refused where the system has none: it is then slower, not wrong.
        if isHuge { _ = madvise(memory, count, Int32(MADV_HUGEPAGE)) }
    }

    deinit { memory.deallocate() }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        precondition(offset >= 0 && offset + bytes.count <= count)
        guard let source = bytes.baseAddress else { return }
        (memory + offset).copyMemory(from: source, byteCount: bytes.count)
    }
}
