package import Contracts
import Foundation

/// The work of one transaction: the log's state as it will be, and the calls on the engine's tables
/// that make it so. The rules of the log are here and in Core; engines only store.
///
/// Lives on the engine's writer only.
package final class LogTransaction {
    let tables: any LogTables
    package private(set) var state: LogState
    package private(set) var chain: TrailChain
    /// Entries in the order they were stored, for the observer.
    package private(set) var stored: [LogEntry] = []
    /// Answers to remember once durable.
    package internal(set) var requests: [String: AppendOutcome] = [:]
    package private(set) var forgetsRequests = false
    /// Whether there is news for the observer.
    package private(set) var changesLog = false
    /// Counts writes, so that a late refusal is noticed.
    package private(set) var writes = 0
    private var touched: Set<StreamName> = []
    private let remembered: (String) -> AppendOutcome?

    package init(
        tables: any LogTables, state: LogState, chain: TrailChain,
        remembered: @escaping (String) -> AppendOutcome?
    ) {
        self.tables = tables
        self.state = state
        self.chain = chain
        self.remembered = remembered
    }

    /// The answer to an earlier append of the same request.
    func outcome(of requestID: String) -> AppendOutcome? {
        requests[requestID] ?? remembered(requestID)
    }

    func noteWrite() { writes += 1 }

    func setIdentity(_ identity: LogIdentity?) throws {
        writes += 1
        try tables.save(identity)
        state.identity = identity
        changesLog = true
    }

    func removeEverything() throws {
        writes += 1
        try tables.removeEverything()
        try setIdentity(nil)
        state.streams.removeAll()
        touched.removeAll()
        forgetsRequests = true
        requests.removeAll()
    }

    func forgetRequests() {
        forgetsRequests = true
        requests.removeAll()
    }

    func remove(_ stream: StreamState) throws {
        writes += 1
        try tables.remove(stream)
        state.streams[stream.name] = nil
        touched.remove(stream.name)
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
            stream = StreamState(name: name, id: try tables.makeStream(name))
        }
        touched.insert(name)
        changesLog = true
        defer { state.streams[name] = stream }
        return try body(&stream)
    }

    /// The domain of a stream, making its row if it has none.
    func domain(_ name: String, in stream: inout StreamState) throws -> DomainState {
        if let held = stream.domains[name] { return held }
        writes += 1
        let made = DomainState(id: try tables.makeDomain(name, stream: stream.id))
        stream.domains[name] = made
        return made
    }

    /// Stores an entry as the newest of its key and moves the stream's head to it.
    ///
    /// `previous` is the newest entry of the key so far.
    func store(
        _ entry: LogEntry, previous: NewestEntry?, request: String?, in stream: inout StreamState,
        domain: inout DomainState
    ) throws {
        // A damaged value would leave the digest with the wrong share for ever.
        let replaced = try previous?.entry(stream: stream.name, domain: entry.domain)
        writes += 1
        let id = EntryID.make(stream: stream.id, sequence: entry.sequence)
        try tables.insert(
            EntryRow(
                id: id, domain: domain.id, entry: entry, request: request, previous: previous))
        if let replaced { domain.digest.remove(replaced) }
        domain.digest.insert(entry)
        domain.lastSequence = entry.sequence
        stream.entries += 1
        stream.head = entry.sequence
        stream.headEpoch = entry.epoch
        stored.append(entry)
    }

    /// Adds events to the trail.
    package func record(_ events: [TrailDraft]) throws {
        guard !events.isEmpty else { return }
        writes += 1
        var rows: [TrailRow] = []
        rows.reserveCapacity(events.count)
        for draft in events {
            chain.append(draft.cloudTrailJSON)
            rows.append(TrailRow(sequence: chain.sequence, draft: draft, hash: chain.hash))
        }
        try tables.insert(rows, head: chain)
    }

    /// Moves the chain by an event that was recorded elsewhere.
    ///
    /// Throws: `checksumMismatch` when it does not follow.
    func extendChain(
        with draft: TrailDraft, sequence: UInt64, hash: Data
    ) throws -> TrailRow {
        var next = chain
        next.append(draft.cloudTrailJSON)
        guard next.sequence == sequence, next.hash == hash else {
            throw LogError(.checksumMismatch, "Event \(sequence) does not follow the one before.")
        }
        chain = next
        return TrailRow(sequence: sequence, draft: draft, hash: hash)
    }

    /// Writes what changed in the state. The last thing before the commit.
    package func finish() throws {
        for name in touched {
            guard let stream = state.streams[name] else { continue }
            try tables.save(stream)
        }
        touched.removeAll()
    }
}
