import Foundation

/// Rows by identifier, with the place of each row's record: one look into memory finds it.
///
/// Open addressing with linear probing, at most three fifths full. 74 bits of an identifier are random
/// and made here, so its own bits are the hash.
struct IdentifierIndex {
    /// 32 bytes, so that two share a cache line.
    struct Slot {
        fileprivate var high: UInt64 = 0
        fileprivate var low: UInt64 = 0
        /// The row plus one; 0 is an empty slot.
        fileprivate var rowPlusOne: UInt32 = 0
        /// Where the row's record lies; empty while it has none.
        var place = RecordArena.Reference()

        var row: UInt32 { rowPlusOne - 1 }
    }

    private var slots: [Slot]
    private var mask: Int
    private(set) var count = 0

    init() {
        slots = Array(repeating: Slot(), count: 16)
        mask = 15
    }

    subscript(id: Identifier) -> Slot? { position(id).map { slots[$0] } }

    /// Adds a row for an identifier that has none.
    mutating func insert(_ id: Identifier, _ row: UInt32) {
        if (count + 1) * 5 > slots.count * 3 { grow() }
        var slot = Slot()
        slot.high = id.high
        slot.low = id.low
        slot.rowPlusOne = row + 1
        put(slot)
        count += 1
    }

    /// Says where the record of an identifier's row lies from now on.
    mutating func place(_ id: Identifier, at place: RecordArena.Reference) {
        if let position = position(id) { slots[position].place = place }
    }

    /// Removes an identifier and closes the gap, so that no search ends early.
    mutating func remove(_ id: Identifier) {
        guard var gap = position(id) else { return }
        count -= 1
        var next = (gap + 1) & mask
        while slots[next].rowPlusOne > 0 {
            let home = Self.hash(slots[next].high, slots[next].low) & mask
            if (next - home) & mask >= (next - gap) & mask {
                slots[gap] = slots[next]
                gap = next
            }
            next = (next + 1) & mask
        }
        slots[gap] = Slot()
    }

    private func position(_ id: Identifier) -> Int? {
        var position = Self.hash(id.high, id.low) & mask
        while slots[position].rowPlusOne > 0 {
            if slots[position].low == id.low, slots[position].high == id.high { return position }
            position = (position + 1) & mask
        }
        return nil
    }

    private mutating func put(_ slot: Slot) {
        var position = Self.hash(slot.high, slot.low) & mask
        while slots[position].rowPlusOne > 0 { position = (position + 1) & mask }
        slots[position] = slot
    }

    /// Makes room for so many identifiers.
    mutating func reserve(_ count: Int) {
        var size = slots.count
        while count * 5 > size * 3 { size *= 2 }
        if size > slots.count { resize(size) }
    }

    private mutating func grow() { resize(slots.count * 2) }

    private mutating func resize(_ size: Int) {
        let old = slots
        slots = Self.empty(count: size)
        mask = slots.count - 1
        for slot in old where slot.rowPlusOne > 0 { put(slot) }
    }

    private static func empty(count: Int) -> [Slot] {
        Array(unsafeUninitializedCapacity: count) { buffer, initialized in
            adviseHugePages(UnsafeMutableRawBufferPointer(buffer))
            buffer.initialize(repeating: Slot())
            initialized = count
        }
    }

    /// Before the memory is touched for the first time; only whole huge pages count.
    private static func adviseHugePages(_ memory: UnsafeMutableRawBufferPointer) {
        guard let base = memory.baseAddress else { return }
        let page = HugeMemory.pageBytes
        let start = base.alignedUp(toMultipleOf: page)
        let bytes = (memory.count - (start - base)) / page * page
        if bytes > 0 { _ = madvise(start, bytes, Int32(MADV_HUGEPAGE)) }
    }

    private static func hash(_ high: UInt64, _ low: UInt64) -> Int {
        let mixed = (high ^ low) &* 0x9e37_79b9_7f4a_7c15
        return Int(truncatingIfNeeded: mixed >> 32)
    }
}
