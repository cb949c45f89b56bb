/// Values by key, with the keys in order for paging.
struct SortedTable<Key: Comparable & Hashable & Sendable, Value> {
    private var values: [Key: Value] = [:]
    private(set) var keys: [Key] = []

    var count: Int { keys.count }

    subscript(key: Key) -> Value? { values[key] }

    mutating func set(_ key: Key, _ value: Value) {
        if values.updateValue(value, forKey: key) == nil { keys.insert(key, at: rank(of: key)) }
    }

    @discardableResult
    mutating func remove(_ key: Key) -> Value? {
        guard let value = values.removeValue(forKey: key) else { return nil }
        keys.remove(at: rank(of: key))
        return value
    }

    /// Up to `limit` values behind `after` that are wanted, and whether there may be more.
    func page(
        after: Key?, limit: Int, where wanted: (Value) -> Bool = { _ in true }
    ) -> (rows: [(key: Key, value: Value)], isLast: Bool) {
        var index = 0
        if let after {
            index = rank(of: after)
            if index < keys.count, keys[index] == after { index += 1 }
        }
        var rows: [(key: Key, value: Value)] = []
        while index < keys.count {
            if let value = values[keys[index]], wanted(value) {
                if rows.count == limit { return (rows, false) }
                rows.append((keys[index], value))
            }
            index += 1
        }
        return (rows, true)
    }

    /// Index of the first key not below `key`.
    private func rank(of key: Key) -> Int {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
