/// Rows in order of their identifiers.
///
/// Identifiers are random, so their first twelve bits spread rows evenly over buckets, and each
/// bucket is a short sorted array: an insertion moves a few hundred bytes at a million rows.
struct OrderedRows {
    private static let bucketCount = 4_096

    private var buckets = [[UInt32]](repeating: [], count: bucketCount)
    private(set) var count = 0

    mutating func insert(_ row: UInt32, ids: [Identifier]) {
        let id = ids[Int(row)]
        let bucket = Self.bucket(of: id)
        buckets[bucket].insert(row, at: Self.position(of: id, in: buckets[bucket], ids))
        count += 1
    }

    mutating func remove(_ row: UInt32, ids: [Identifier]) {
        let id = ids[Int(row)]
        let bucket = Self.bucket(of: id)
        let position = Self.position(of: id, in: buckets[bucket], ids)
        guard position < buckets[bucket].count, buckets[bucket][position] == row else { return }
        buckets[bucket].remove(at: position)
        count -= 1
    }

    /// Up to `limit` rows whose identifiers come after `id`, skipping the first `offset` of them.
    func rows(
        after id: Identifier?, offset: Int = 0, limit: Int, ids: [Identifier]
    ) -> [UInt32] {
        var result: [UInt32] = []
        var skip = offset
        let start = id.map(Self.bucket(of:)) ?? 0
        for bucket in start..<Self.bucketCount {
            var rows = buckets[bucket][...]
            if bucket == start, let id {
                var position = Self.position(of: id, in: buckets[bucket], ids)
                if position < rows.count, ids[Int(rows[position])] == id { position += 1 }
                rows = rows[position...]
            }
            let skipped = min(skip, rows.count)
            skip -= skipped
            result.append(contentsOf: rows.dropFirst(skipped).prefix(limit - result.count))
            if result.count == limit { break }
        }
        return result
    }

    private static func bucket(of id: Identifier) -> Int { Int(id.high >> 52) }

    private static func position(
        of id: Identifier, in bucket: [UInt32], _ ids: [Identifier]
    ) -> Int {
        var low = 0
        var high = bucket.count
        while low < high {
            let middle = (low + high) / 2
            if ids[Int(bucket[middle])] < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
