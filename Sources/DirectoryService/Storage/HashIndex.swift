/// Rows by the 64-bit hash of some text. The text itself is not kept: whoever looks up compares it
/// with the row's record.
struct HashIndex {
    private var first: [UInt64: UInt32] = [:]
    /// Further rows of a hash: the same text, or (rarely) another text with the same hash.
    private var more: [UInt64: [UInt32]] = [:]

    mutating func insert(_ hash: UInt64, _ row: UInt32) {
        if first[hash] == nil {
            first[hash] = row
        } else {
            more[hash, default: []].append(row)
        }
    }

    mutating func remove(_ hash: UInt64, _ row: UInt32) {
        var others = more[hash] ?? []
        if first[hash] == row {
            first[hash] = others.popLast()
        } else {
            others.removeAll { $0 == row }
        }
        if more[hash] != nil { more[hash] = others.isEmpty ? nil : others }
    }

    /// The first row that `isMatch` agrees to.
    func find(_ hash: UInt64, where isMatch: (UInt32) -> Bool) -> UInt32? {
        guard let row = first[hash] else { return nil }
        if isMatch(row) { return row }
        return more[hash]?.first(where: isMatch)
    }
}
