package import Contracts
package import ReplicationLog

/// Everything that one Region's log keeps, as a value: what a simulated disk holds.
package struct MemoryStore: Sendable {
    package struct Row: Sendable {
        package let id: Int64
        package let domain: Int64
        package var entry: LogEntry
        package let request: String?
    }

    package var identity: LogIdentity?
    package var streams: [Int64: StreamState] = [:]
    package var nextStream: Int64 = 1
    package var nextDomain: Int64 = 1
    /// Of each stream, in order.
    package var entries: [Int64: [Row]] = [:]
    package var newest: [Int64: [String: Int64]] = [:]
    /// Of each stream: superseding and superseded entry, in order of the first.
    package var superseded: [Int64: [SupersededEntry]] = [:]
    /// Of each stream: tombstones and when they were written, in order.
    package var tombstones: [Int64: [(id: Int64, writtenAt: Int64)]] = [:]
    package var acknowledged: [String: [StreamName: UInt64]] = [:]
    package var trail: [TrailRow] = []
    package var chain = TrailChain()

    package init() {}

    static func stream(of id: Int64) -> Int64 { id >> 47 }

    /// Where an entry is among those of its stream.
    func index(of id: Int64) -> Int? {
        let rows = entries[Self.stream(of: id)] ?? []
        let index = rows.firstIndex(after: id - 1)
        return index < rows.count && rows[index].id == id ? index : nil
    }

    func row(_ id: Int64) -> Row? {
        index(of: id).flatMap { entries[Self.stream(of: id)]?[$0] }
    }

    /// The state that a log which opens this store begins with.
    package func state(region: String) -> LogState {
        var state = LogState(region: region, identity: identity)
        for stream in streams.values { state.streams[stream.name] = stream }
        return state
    }

    /// The answers of the newest appends, found again in the entries.
    func requests() -> RequestMemory {
        var memory = RequestMemory()
        for stream in streams.values {
            var found = RequestFinder(stream: stream.name)
            for row in entries[stream.id] ?? [] {
                found.take(
                    sequence: row.entry.sequence, epoch: row.entry.epoch,
                    commit: row.entry.commit, request: row.request,
                    writtenAt: row.entry.writtenAtUs, into: &memory)
            }
        }
        return memory
    }
}

extension [MemoryStore.Row] {
    /// The first row behind an ID.
    func firstIndex(after id: Int64) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].id <= id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
