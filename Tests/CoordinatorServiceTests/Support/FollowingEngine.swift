import Contracts
import ReplicationLog

/// A log that another coordinator of the Region leads: everything else is the engine's.
struct FollowingEngine: LogEngine {
    let base: any LogEngine
    var silence = Duration.zero

    var leads: Bool { false }
    var isShared: Bool { true }
    var state: LogState { base.state }

    func setCommitObserver(_ observer: @escaping @Sendable ([LogEntry], LogState) -> Void) {
        base.setCommitObserver(observer)
    }

    func establish(_ identity: LogIdentity) async throws { try await base.establish(identity) }

    func amend(
        events: [TrailDraft],
        _ change: @escaping @Sendable (inout LogIdentity, LogState) throws(LogError) -> Void
    ) async throws -> LogIdentity {
        try await base.amend(events: events, change)
    }

    func wipe(events: [TrailDraft]) async throws { try await base.wipe(events: events) }

    func append(_ command: AppendCommand) async throws -> AppendOutcome {
        try await base.append(command)
    }

    func apply(_ batch: ValidatedBatch) async throws -> LogPosition { try await base.apply(batch) }

    func read(_ query: ReadQuery) async throws -> ReadResult { try await base.read(query) }

    func readEncoded(_ query: ReadQuery) async throws -> EncodedRead {
        try await base.readEncoded(query)
    }

    func entries(of stream: StreamName, at sequences: [UInt64]) async throws -> [LogEntry] {
        try await base.entries(of: stream, at: sequences)
    }

    func damaged(of stream: StreamName, at sequences: [UInt64]) async throws -> [LogEntry] {
        try await base.damaged(of: stream, at: sequences)
    }

    func mend(_ entries: [LogEntry]) async throws -> Int { try await base.mend(entries) }

    func passOver(_ place: EntryPlace) async throws -> Bool { try await base.passOver(place) }

    func cutFork() async throws -> Bool { try await base.cutFork() }

    func snapshot(
        stream: StreamName, domain: String, keyPrefix: String
    ) async throws -> [LogEntry] {
        try await base.snapshot(stream: stream, domain: domain, keyPrefix: keyPrefix)
    }

    func drop(_ stream: StreamName, isExported: Bool) async throws {
        try await base.drop(stream, isExported: isExported)
    }

    func acknowledge(
        region: String, positions: [LogPosition], at timeMicroseconds: Int64
    ) async throws {
        try await base.acknowledge(region: region, positions: positions, at: timeMicroseconds)
    }

    func acknowledged() async throws -> [String: [StreamName: UInt64]] {
        try await base.acknowledged()
    }

    func forget(region: String) async throws { try await base.forget(region: region) }

    func compact(_ request: CompactionRequest) async throws -> CompactionOutcome {
        try await base.compact(request)
    }

    func record(_ events: [TrailDraft]) async throws { try await base.record(events) }

    func lookUp(_ query: TrailQuery) async throws -> [TrailRecordedEvent] {
        try await base.lookUp(query)
    }

    func trail(after sequence: UInt64, limit: Int) async throws -> [TrailRecordedEvent] {
        try await base.trail(after: sequence, limit: limit)
    }

    func verifyTrail(against checkpoints: [TrailChain]) async throws -> TrailVerdict {
        try await base.verifyTrail(against: checkpoints)
    }

    func export(
        after point: ExportPoint, at time: Int64,
        _ take: @escaping @Sendable (BackupPart) throws -> Void
    ) async throws {
        try await base.export(after: point, at: time, take)
    }

    func close() async { await base.close() }
}
