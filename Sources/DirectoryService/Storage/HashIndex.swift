/// Rows by the 64-bit hash of some text. The text itself is not kept: whoever looks up compares it
/// with the row's record.
///
/// Open addressing with linear probing, at most three fifths full. Hashes are random for whoever does
/// not know this process's seed, so their own bits say where to look.
struct HashIndex {
    private struct Slot {
        var hash: UInt64 = 0
        /// The row plus one; 0 is an empty slot.
        var rowPlusOne: UInt32 = 0
    }

    private var slots = [Slot](repeating: Slot(), count: 16)
    private var mask = 15
    /// Hashes, each counted once.
    private(set) var count = 0
    /// Further rows of a hash: the same text, or (rarely) another text with the same hash.
    private var more: [UInt64: [UInt32]] = [:]

    mutating func insert(_ hash: UInt64, _ row: UInt32) {
        if (count + 1) * 5 > slots.count * 3 { grow() }
        let position = position(of: hash)
        if slots[position].rowPlusOne > 0 {
            more[hash, default: []].append(row)
        } else {
            slots[position] = Slot(hash: hash, rowPlusOne: row + 1)
            count += 1
        }
    }

    mutating func remove(_ hash: UInt64, _ row: UInt32) {
        let position = position(of: hash)
        guard slots[position].rowPlusOne > 0 else { return }
        guard var others = more[hash] else {
            if slots[position].rowPlusOne == row + 1 { empty(position) }
            return
        }
        if slots[position].rowPlusOne == row + 1, let next = others.popLast() {
            slots[position].rowPlusOne = next + 1
        } else {
            others.removeAll { $0 == row }
        }
        more[hash] = others.isEmpty ? nil : others
    }

    /// The first row that `isMatch` agrees to.
    func find(_ hash: UInt64, where isMatch: (UInt32) -> Bool) -> UInt32? {
        let slot = slots[position(of: hash)]
        guard slot.rowPlusOne > 0 else { return nil }
        if isMatch(slot.rowPlusOne - 1) { return slot.rowPlusOne - 1 }
        return more.isEmpty ? nil : more[hash]?.first(where: isMatch)
    }

    /// Where a hash is, or would be.
    private func position(of hash: UInt64) -> Int {
        var position = Int(truncatingIfNeeded: hash) & mask
        while slots[position].rowPlusOne > 0, slots[position].hash != hash {
            position = (position + 1) & mask
        }
        return position
    }

    /// Empties a slot and closes the gap, so that no search ends early.
    private mutating func empty(_ position: Int) {
        var gap = position
        count -= 1
        var next = (gap + 1) & mask
        while slots[next].rowPlusOne > 0 {
            let home = Int(truncatingIfNeeded: slots[next].hash) & mask
            if (next - home) & mask >= (next - gap) & mask {
                slots[gap] = slots[next]
                gap = next
            }
            next = (next + 1) & mask
        }
        slots[gap] = Slot()
    }

    /// Makes room for so many hashes.
    mutating func reserve(_ count: Int) {
        var size = slots.count
        while count * 5 > size * 3 { size *= 2 }
        if size > slots.count { resize(size) }
    }

    private mutating func grow() { resize(slots.count * 2) }

    private mutating func resize(_ size: Int) {
        let old = slots
        slots = Array(repeating: Slot(), count: size)
        mask = slots.count - 1
        for slot in old where slot.rowPlusOne > 0 { slots[position(of: slot.hash)] = slot }
    }
}
