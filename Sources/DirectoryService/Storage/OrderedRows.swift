/// Rows in order of their identifiers.
///
/// Identifiers are random, so their first twelve bits spread rows evenly over buckets, and each
/// bucket is a short array. It is put in order when it is read: a million rows come in without being
/// compared with each other.
///
/// An object, so that what was put in order for one reader stays so; used under the state's lock only.
final class OrderedRows {
    private static let bucketCount = 4_096

    private var buckets = [[UInt32]](repeating: [], count: bucketCount)
    /// Buckets that have had additions since they were put in order.
    private var isMixed = [Bool](repeating: false, count: bucketCount)
    private(set) var count = 0

    func insert(_ row: UInt32, ids: [Identifier]) {
        let bucket = Self.bucket(of: ids[Int(row)])
        isMixed[bucket] = isMixed[bucket] || !buckets[bucket].isEmpty
        buckets[bucket].append(row)
        count += 1
    }

    private func putInOrder(_ bucket: Int, _ ids: [Identifier]) {
        guard isMixed[bucket] else { return }
        buckets[bucket].sort { ids[Int($0)] < ids[Int($1)] }
        isMixed[bucket] = false
    }

    func remove(_ row: UInt32, ids: [Identifier]) {
        let id = ids[Int(row)]
        let bucket = Self.bucket(of: id)
        putInOrder(bucket, ids)
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
            putInOrder(bucket, ids)
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
