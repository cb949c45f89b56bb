package import Contracts
import Foundation
package import ReplicationLog

/// One Region's log as a process holds it: the real transactions over simulated storage.
///
/// Single-threaded and synchronous; whoever owns it decides about time.
package final class MemoryLog {
    package let region: String
    package private(set) var state: LogState
    package private(set) var chain: TrailChain
    package private(set) var store: MemoryStore
    private var memory: RequestMemory
    /// Told of each commit that changed the log, in order.
    package var observer: (([LogEntry], LogState) -> Void)?

    /// Opens what a disk holds.
    package init(region: String, _ store: MemoryStore) {
        self.region = region
        self.store = store
        state = store.state(region: region)
        chain = store.chain
        memory = store.requests()
    }

    /// Runs one transaction and takes it to the disk by `commit`, which throws when it did not get
    /// there: then nothing has happened.
    package func perform<R>(
        commit: (MemoryStore) throws -> Void, _ body: (LogTransaction) throws -> R
    ) throws -> R {
        let tables = MemoryTables(store)
        let transaction = LogTransaction(tables: tables, state: state, chain: chain) {
            self.memory[$0]
        }
        let result = try body(transaction)
        guard transaction.writes > 0 else { return result }
        try transaction.finish()
        try commit(tables.store)
        store = tables.store
        state = transaction.state
        chain = transaction.chain
        memory.take(transaction)
        if transaction.changesLog { observer?(transaction.stored, state) }
        return result
    }

    /// Takes over what another look at the disk has shown, such as a flipped bit.
    package func reread(_ store: MemoryStore) { self.store = store }

    package func read(_ query: ReadQuery) throws -> ReadResult {
        guard let stream = state.streams[query.stream] else {
            try query.checkStanding(head: 0, purged: 0)
            return ReadResult(
                entries: [], through: state.position(of: query.stream), isAtHead: true,
                compactedThrough: 0, purgedThrough: 0)
        }
        try query.checkStanding(head: stream.head, purged: stream.purgedThrough)
        var batch = CommitBatch(entriesMax: query.entriesMax, bytesMax: query.bytesMax)
        let rows = store.entries[stream.id] ?? []
        let start = rows.firstIndex(after: EntryID.make(stream: stream.id, sequence: query.after))
        for row in rows[start...] {
            if let domains = query.domains, !domains.contains(row.entry.domain) { continue }
            guard row.entry.isIntact else { throw LogError.damaged(row.entry, in: query.stream) }
            guard batch.add(row.entry) else { break }
        }
        return ReadResult(
            entries: batch.entries, through: batch.through(head: stream.position),
            isAtHead: !batch.isFull, compactedThrough: stream.compactedThrough,
            purgedThrough: stream.purgedThrough)
    }

    package func entries(of stream: StreamName, at sequences: [UInt64]) -> [LogEntry] {
        guard let id = state.streams[stream]?.id else { return [] }
        return sequences.compactMap {
            store.row(EntryID.make(stream: id, sequence: $0))?.entry
        }.filter(\.isIntact)
    }

    package func snapshot(
        stream: StreamName, domain: String, keyPrefix: String
    ) throws -> [LogEntry] {
        guard let held = state.streams[stream]?.domains[domain] else { return [] }
        let ids = (store.newest[held.id] ?? [:]).filter { $0.key.hasPrefix(keyPrefix) }
            .sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }
        return try ids.compactMap { store.row($0.value)?.entry }.filter { !$0.tombstone }
            .map { entry in
                guard entry.isIntact else { throw LogError.damaged(entry, in: stream) }
                return entry
            }
    }
}
