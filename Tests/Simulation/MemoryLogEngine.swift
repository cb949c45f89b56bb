package import Contracts
import Foundation
package import ReplicationLog
import SwiftProtobuf
import Synchronization

/// The simulated storage as an engine, so that the conformance suite can show that it keeps the same
/// promises as the real ones.
package final class MemoryLogEngine: TransactionalLogEngine {
    /// Outlives the engine, as a disk does.
    package final class Storage: Sendable {
        fileprivate let disk = Mutex(SimulatedDisk())

        package init() {}
    }

    // Touched under `log`'s lock only.
    private final class Held: @unchecked Sendable {
        let log: MemoryLog
        var isClosed = false
        var random = SeededRandom(seed: 1)

        init(_ log: MemoryLog) { self.log = log }
    }

    private let storage: Storage
    private let held: Mutex<Held>
    private let region: String

    package init(_ storage: Storage, region: String) throws {
        self.storage = storage
        self.region = region
        var random = SeededRandom(seed: 1)
        let store = storage.disk.withLock { $0.reopen(&random) }
        if let identity = store.identity, identity.region != region {
            throw LogError(.logMismatch, "This store belongs to the Region \(identity.region).")
        }
        held = Mutex(Held(MemoryLog(region: region, store)))
    }

    package var state: LogState { held.withLock { $0.log.state } }

    package func setCommitObserver(
        _ observer: @escaping @Sendable ([LogEntry], LogState) -> Void
    ) {
        held.withLock { $0.log.observer = observer }
    }

    package func write<R: Sendable>(
        weight: Int, stream: StreamName?, domain: String, keys: [String],
        _ body: @escaping @Sendable (LogTransaction) throws -> R
    ) async throws -> R {
        try held.withLock { held in
            guard !held.isClosed else { throw LogError(.closed, "The log is closed.") }
            return try held.log.perform(
                commit: { store in
                    try storage.disk.withLock { try $0.commit(store, &held.random) }
                }, body)
        }
    }

    package func read(_ query: ReadQuery) async throws -> ReadResult {
        try held.withLock { try $0.log.read(query) }
    }

    package func entries(
        of stream: StreamName, at sequences: [UInt64]
    ) async throws -> [LogEntry] {
        held.withLock { $0.log.entries(of: stream, at: sequences) }
    }

    package func snapshot(
        stream: StreamName, domain: String, keyPrefix: String
    ) async throws -> [LogEntry] {
        try held.withLock {
            try $0.log.snapshot(stream: stream, domain: domain, keyPrefix: keyPrefix)
        }
    }

    package func acknowledged() async throws -> [String: [StreamName: UInt64]] {
        held.withLock { $0.log.store.acknowledged }
    }

    package func export(
        after point: ExportPoint, at time: Int64,
        _ take: @escaping @Sendable (BackupPart) throws -> Void
    ) async throws {
        let (state, store) = held.withLock { ($0.log.state, $0.log.store) }
        try Snapshot(held: state, store: store, recorded: events())
            .export(after: point, at: time, take)
    }

    /// What was there at one moment.
    private struct Snapshot: ExportSource {
        let held: LogState
        let store: MemoryStore
        let recorded: [TrailRecordedEvent]

        func state() -> LogState { held }

        func chain() -> TrailChain { store.chain }

        func acknowledged() -> [String: [StreamName: UInt64]] { store.acknowledged }

        func entries(
            of stream: StreamState, after sequence: UInt64, limit: Int
        ) throws -> [(entry: LogEntry, request: String?)] {
            let rows = store.entries[stream.id] ?? []
            return try rows.lazy.filter { $0.entry.sequence > sequence }.prefix(limit).map { row in
                guard row.entry.isIntact else {
                    throw LogError.damaged(row.entry, in: stream.name)
                }
                return (row.entry, row.request)
            }
        }

        func events(after sequence: UInt64, limit: Int) -> [TrailRecordedEvent] {
            Array(recorded.filter { $0.sequence > sequence }.prefix(limit))
        }
    }

    /// What a bit that flips on the disk does: the value of an entry is not what was written.
    package func spoil(_ place: EntryPlace) {
        held.withLock { held in
            storage.disk.withLock { disk in
                disk.spoil(place)
                held.log.reread(disk.durable)
            }
        }
    }

    package func close() async { held.withLock { $0.isClosed = true } }

    // MARK: - Trail

    private func events() -> [TrailRecordedEvent] {
        let rows = held.withLock { $0.log.store.trail }
        var previous = Data(count: 32)
        return rows.map { row in
            defer { previous = row.hash }
            var event = TrailRecordedEvent()
            event.sequence = row.sequence
            event.eventID = row.draft.eventID
            event.region = region
            event.eventTimeUs = row.draft.eventTimeMicroseconds
            event.event = row.draft.event
            event.cloudtrailJson = row.draft.cloudTrailJSON
            event.hash = row.hash
            event.previousHash = previous
            return event
        }
    }

    package func lookUp(_ query: TrailQuery) async throws -> [TrailRecordedEvent] {
        let found = events().reversed().filter { event in
            event.sequence < query.before ?? .max
                && event.eventTimeUs >= query.fromMicroseconds ?? .min
                && event.eventTimeUs <= query.toMicroseconds ?? .max
                && Self.matches(event, query.attribute)
        }
        return Array(found.prefix(query.limit))
    }

    private static func matches(
        _ event: TrailRecordedEvent, _ attribute: TrailQuery.Attribute
    ) -> Bool {
        switch attribute {
        case .any: true
        case .eventID(let id): event.eventID == id
        case .eventName(let name): event.event.eventName == name
        case .readOnly(let flag): event.event.readOnly == flag
        case .userName(let name): event.event.actor.userName == name
        case .resourceName(let name): event.event.resources.contains { $0.arn == name }
        case .eventSource(let source): event.event.eventSource == source
        }
    }

    package func trail(
        after sequence: UInt64, limit: Int
    ) async throws -> [TrailRecordedEvent] {
        Array(events().filter { $0.sequence > sequence }.prefix(limit))
    }

    package func verifyTrail(against checkpoints: [TrailChain]) async throws -> TrailVerdict {
        let store = held.withLock { $0.log.store }
        var verifier = TrailChainVerifier(checkpoints: checkpoints)
        for row in store.trail {
            verifier.check(
                sequence: row.sequence, cloudTrailJSON: row.draft.cloudTrailJSON, hash: row.hash)
        }
        return verifier.verdict(head: store.chain)
    }
}
