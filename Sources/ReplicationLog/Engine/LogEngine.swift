package import Contracts
package import Foundation

/// Keeps one Region's log, its trail and what goes with them on durable storage.
///
/// One conformance suite runs on every engine. All methods are safe to call from anywhere. Every
/// write is atomic and durable when it returns; after a failure nothing of it is there.
///
/// Throws: `LogError` from every method.
package protocol LogEngine: Sendable {
    /// The newest committed state. Costs no storage access.
    var state: LogState { get }

    /// Whether this process does the work beside the calls (copying from other Regions, canaries,
    /// compaction): of several over one database one does. A hint that spares work; nothing is wrong
    /// if two believe it for a moment.
    var leads: Bool { get }

    /// Whether other processes may work on the same log.
    var isShared: Bool { get }

    /// How long storage elsewhere has not answered; zero where it is on this machine.
    var silence: Duration { get }

    /// A damaged entry that keeps this process from taking in what others have written behind it, until
    /// it has been mended.
    var obstacle: EntryPlace? { get }

    /// Called in the order of commits, after each commit that changed the log (not the trail alone)
    /// and before its writers are answered; entries may be none when only a position moved. Must not block. Set once, before the first write.
    func setCommitObserver(_ observer: @escaping @Sendable ([LogEntry], LogState) -> Void)

    /// Starts a log, takes part in one, or changes this Region's part in the log it holds.
    /// Throws `logMismatch` while another log is held.
    func establish(_ identity: LogIdentity) async throws

    /// Changes this Region's part in the log by what is held at that moment, in one transaction with
    /// these events. Returns what is held afterwards. A `change` that throws, or changes nothing,
    /// leaves everything as it was, the events included.
    /// Throws `regionNotEnabled` without a log; what `change` throws.
    @discardableResult
    func amend(
        events: [TrailDraft],
        _ change: @escaping @Sendable (inout LogIdentity, LogState) throws(LogError) -> Void
    ) async throws -> LogIdentity

    /// Drops the log and everything with it except the trail, adding these events to it.
    func wipe(events: [TrailDraft]) async throws

    /// Compare-and-append, with a change of the primary if the command asks for it; a repeat of a `requestID` of the last five minutes answers as before.
    func append(_ command: AppendCommand) async throws -> AppendOutcome

    /// Stores whole received commits and moves the position in the same transaction. Entries
    /// already held are passed over. Returns where the stream stands.
    func apply(_ batch: ValidatedBatch) async throws -> LogPosition

    /// The same for several batches, in one transaction where the engine can. Returns where the stream
    /// of each stood after it.
    func apply(_ batches: [ValidatedBatch]) async throws -> [LogPosition]

    /// Entries of a stream in order, whole commits, checksums verified.
    func read(_ query: ReadQuery) async throws -> ReadResult

    /// The same as they travel.
    func readEncoded(_ query: ReadQuery) async throws -> EncodedRead

    /// Entries at these sequences of a stream that are held and intact; damaged ones and those that
    /// compaction has removed are left out.
    func entries(of stream: StreamName, at sequences: [UInt64]) async throws -> [LogEntry]

    /// Entries at these sequences of a stream that are held and not what was written, as they lie
    /// there. For reports: nothing in them can be relied on.
    func damaged(of stream: StreamName, at sequences: [UInt64]) async throws -> [LogEntry]

    /// Puts back entries that storage has spoiled, as another Region holds them. Returns how many were
    /// mended.
    ///
    /// Throws: `checksumMismatch` when one is not the entry that was written here.
    func mend(_ entries: [LogEntry]) async throws -> Int

    /// Removes a damaged entry that a newer one of its key has replaced, before compaction would: nobody
    /// needs it. False when it is the newest of its key.
    func passOver(_ place: EntryPlace) async throws -> Bool

    /// Takes back what is held of the control stream beyond a fork. What it held alone has to have been
    /// exported. False when that cannot be done: then the stream has to be dropped.
    ///
    /// Throws: `checksumMismatch` when an entry concerned is damaged.
    func cutFork() async throws -> Bool

    /// The newest entries of a domain in a stream, tombstones left out, in order of key.
    func snapshot(
        stream: StreamName, domain: String, keyPrefix: String
    ) async throws -> [LogEntry]

    /// Drops a stream that another Region writes, so that it can be copied again; the incarnation goes
    /// up, and a fork of the control stream is gone with it.
    ///
    /// - Parameter isExported: what a fork of the control stream holds alone is in a file. Until then
    ///   it is the only copy there is.
    /// - Throws: `wrongWriter` for a stream that is written here, `forked` for a control stream with a
    ///   fork that has not been exported.
    func drop(_ stream: StreamName, isExported: Bool) async throws

    /// Notes how far a Region has applied a stream; kept over a restart, forgotten by `wipe`.
    func acknowledge(region: String, positions: [LogPosition], at timeMicroseconds: Int64)
        async throws

    /// What `acknowledge` noted: Region, stream, sequence.
    func acknowledged() async throws -> [String: [StreamName: UInt64]]

    /// Forgets what a Region acknowledged.
    func forget(region: String) async throws

    /// Removes superseded entries and old tombstones, at most `limit` in one transaction.
    func compact(_ request: CompactionRequest) async throws -> CompactionOutcome

    /// Adds events to the trail.
    func record(_ events: [TrailDraft]) async throws

    /// Recorded events by filter, newest first.
    func lookUp(_ query: TrailQuery) async throws -> [TrailRecordedEvent]

    /// Recorded events after a sequence, oldest first, at most `limit`.
    func trail(after sequence: UInt64, limit: Int) async throws -> [TrailRecordedEvent]

    /// Recomputes the hash chain of the trail, which has to have stood where `checkpoints` say.
    func verifyTrail(against checkpoints: [TrailChain]) async throws -> TrailVerdict

    /// Everything the log holds at one moment, or what has come since an earlier export, in parts: a
    /// header, then entries stream by stream in order, then events. Others go on writing meanwhile.
    /// `time` is the wall clock. What `take` throws ends it.
    func export(
        after point: ExportPoint, at time: Int64,
        _ take: @escaping @Sendable (BackupPart) throws -> Void
    ) async throws

    /// Keeps a file that a process has made of the log where all processes that share the log find it, in
    /// parts until `next` gives none. Durable when it returns; once more is no harm. Where nobody
    /// shares the log, nothing.
    func keepFile(_ name: String, _ next: @escaping @Sendable () throws -> Data?) async throws

    /// Names of the files kept.
    func keptFiles() async throws -> [String]

    /// Gives back a kept file in parts.
    func readFile(_ name: String, _ take: @escaping @Sendable (Data) throws -> Void) async throws

    /// Waits for what is being written and closes the storage; later calls throw `closed`.
    func close() async
}

extension LogEngine {
    /// Recomputes the hash chain of the trail.
    package func verifyTrail() async throws -> TrailVerdict {
        try await verifyTrail(against: [])
    }
}

extension LogEngine {
    package var leads: Bool { true }

    package var isShared: Bool { false }

    package var silence: Duration { .zero }

    package var obstacle: EntryPlace? { nil }

    package func keepFile(
        _ name: String, _ next: @escaping @Sendable () throws -> Data?
    ) async throws {}

    package func keptFiles() async throws -> [String] { [] }

    package func readFile(
        _ name: String, _ take: @escaping @Sendable (Data) throws -> Void
    ) async throws {}

    package func apply(_ batches: [ValidatedBatch]) async throws -> [LogPosition] {
        var positions: [LogPosition] = []
        for batch in batches { positions.append(try await apply(batch)) }
        return positions
    }
}

extension LogEngine {
    /// Drops a stream that holds nothing of its own, to copy it again.
    package func drop(_ stream: StreamName) async throws {
        try await drop(stream, isExported: false)
    }
}
