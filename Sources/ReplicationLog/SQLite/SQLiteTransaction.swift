import Contracts
import Foundation
import GRDB
import SwiftProtobuf

/// The work of one transaction on the writer's connection: the state as it will be, and the
/// statements that make it so. Lives on the writer only.
final class SQLiteTransaction {
    let db: Database
    private(set) var state: LogState
    var chain: TrailChain
    /// Entries in the order they were stored, for the observer.
    private(set) var stored: [LogEntry] = []
    /// Answers to remember once durable.
    var requests: [String: AppendOutcome] = [:]
    var forgetsRequests = false
    /// Whether there is news for the observer.
    private(set) var changesLog = false
    /// Counts writes, so that a late refusal is noticed.
    private(set) var writes = 0
    private var touched: Set<StreamName> = []
    private let statements: SQLiteStatements

    init(db: Database, state: LogState, chain: TrailChain) throws {
        self.db = db
        self.state = state
        self.chain = chain
        self.statements = try SQLiteStatements(db)
    }

    func noteWrite() { writes += 1 }

    func setIdentity(_ identity: LogIdentity?) {
        state.identity = identity
        changesLog = true
    }

    func removeAllStreams() {
        state.streams.removeAll()
        touched.removeAll()
        changesLog = true
    }

    func remove(_ stream: StreamName) {
        writes += 1
        state.streams[stream] = nil
        touched.remove(stream)
        changesLog = true
    }

    /// Changes one stream of the state, making its row if it has none.
    func withStream<R>(
        _ name: StreamName, _ body: (inout StreamState) throws -> R
    ) throws -> R {
        var stream: StreamState
        if let held = state.streams.removeValue(forKey: name) {
            stream = held
        } else {
            writes += 1
            try db.execute(
                sql: """
                    INSERT INTO streams
                    (name, head, head_epoch, compacted_through, purged_through, entries)
                    VALUES (?, 0, 0, 0, 0, 0)
                    """, arguments: [name.text])
            stream = StreamState(name: name, id: db.lastInsertedRowID)
        }
        touched.insert(name)
        changesLog = true
        defer { state.streams[name] = stream }
        return try body(&stream)
    }

    /// The newest entry of a key, as much of it as the digest needs.
    func newest(domain: Int64, key: String) throws -> NewestEntry? {
        try statements.newest(domain: domain, key: key)
    }

    /// Stores an entry as the newest of its key and moves the stream's head to it.
    ///
    /// `previous` is what `newest` says of the key.
    func store(
        _ entry: LogEntry, previous: NewestEntry?, request: String?, in stream: inout StreamState,
        domain: inout DomainState
    ) throws {
        writes += 1
        let id = EntryID.make(stream: stream.id, sequence: entry.sequence)
        try statements.insert(entry, id: id, domain: domain.id, request: request)
        if let previous {
            domain.digest.remove(previous.entry(stream: entry.stream, domain: entry.domain))
            try statements.replaceNewest(
                domain: domain.id, key: entry.key, id: id, previous: previous)
        } else {
            try statements.insertNewest(domain: domain.id, key: entry.key, id: id)
        }
        if entry.tombstone { try statements.insertTombstone(id: id, at: entry.writtenAtUs) }
        domain.digest.insert(entry)
        domain.lastSequence = entry.sequence
        stream.entries += 1
        stream.head = entry.sequence
        stream.headEpoch = entry.epoch
        stored.append(entry)
    }

    /// The domain of a stream, making its row if it has none.
    func domain(_ name: String, in stream: inout StreamState) throws -> DomainState {
        if let held = stream.domains[name] { return held }
        writes += 1
        try db.execute(
            sql: """
                INSERT INTO domains (stream, name, last_sequence, live_keys, digest)
                VALUES (?, ?, 0, 0, ?)
                """, arguments: [stream.id, name, DomainDigest().bytes])
        let made = DomainState(id: db.lastInsertedRowID)
        stream.domains[name] = made
        return made
    }

    /// Writes what changed in the state. The last thing before the commit.
    func finish() throws {
        for name in touched {
            guard let stream = state.streams[name] else { continue }
            try statements.update(stream)
        }
        touched.removeAll()
    }
}

/// The newest entry of a key as it lies in storage.
struct NewestEntry {
    let id: Int64
    let key: String
    let version: UInt64
    let tombstone: Bool
    let value: Data

    func entry(stream: String, domain: String) -> LogEntry {
        .with {
            $0.stream = stream
            $0.domain = domain
            $0.key = key
            $0.version = version
            $0.tombstone = tombstone
            $0.value = value
        }
    }
}
