import Contracts
package import Foundation
import ReplicationLog
import Synchronization

/// How far a transfer is, for a progress bar.
package struct TransferProgress: Sendable {
    package var done: UInt64
    package var total: UInt64
}

/// What a store holds after a transfer.
package struct TransferSummary: Sendable {
    package let streams: Int
    package let entries: UInt64
    package let digests: Int
    package let events: UInt64

    init(_ state: LogState, _ trail: TrailVerdict) {
        streams = state.streams.count
        entries = state.streams.values.reduce(0) { $0 + $1.entries }
        digests = state.digests.count
        events = trail.events
    }
}

/// Backups of a Region's log, restoring them, and moving a log to another engine.
package struct LogTransfer: Sendable {
    /// Called now and then.
    package typealias Progress = @Sendable (TransferProgress) -> Void

    private let store: LogStore
    private let now: @Sendable () -> Int64

    package init(
        _ store: LogStore, now: @escaping @Sendable () -> Int64 = CoordinatorModule.wallClock
    ) {
        self.store = store
        self.now = now
    }

    // MARK: - Backing up

    /// Adds a point to a series while the coordinator goes on: what has come since the last one, or
    /// with `isWhole` everything.
    package func backUp(
        to series: BackupSeries, isWhole: Bool, progress: @escaping Progress = { _ in }
    ) async throws -> BackupSeries.Point {
        try FileManager.default.createDirectory(
            at: series.directory, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        let last = try series.points().last
        var point = ExportPoint()
        if let last, !isWhole { point = try self.point(after: last) }
        let number = (last?.number ?? 0) + 1
        let engine = try store.open(isReadOnly: true)
        do {
            try await export(engine, after: point, to: series.url(of: number), progress)
        } catch {
            await engine.close()
            throw error
        }
        await engine.close()
        guard let made = try series.points().last, made.number == number else {
            throw LogError(.storageFailed, "The backup is not where it was written.")
        }
        return made
    }

    /// Where the next file goes on: the last one is read whole, so that a series does not go on
    /// behind a damaged file.
    private func point(after last: BackupSeries.Point) throws -> ExportPoint {
        guard last.header.region == store.region else {
            throw LogError(
                .logMismatch, "The directory holds backups of \(last.header.region.prefix(64)).")
        }
        var reader = try BackupReader(last.url)
        while try reader.next() != nil {}
        var point = ExportPoint()
        for stream in last.header.streams {
            if let name = StreamName(stream.name) { point.heads[name] = stream.head }
        }
        point.trailSequence = last.header.trailSequence
        point.identity = last.header.identity
        point.file = reader.hash ?? Data()
        return point
    }

    // The file under way; used by the one export that owns it.
    private final class Output: @unchecked Sendable {
        var writer: BackupWriter
        var done: UInt64 = 0
        var total: UInt64 = 0

        init(_ url: URL) throws { writer = try BackupWriter(url) }
    }

    private func export(
        _ engine: any LogEngine, after point: ExportPoint, to url: URL,
        _ progress: @escaping Progress
    ) async throws {
        let output = try Output(url)
        do {
            try await engine.export(after: point, at: now()) { part in
                try output.writer.write(part)
                switch part.kind {
                case .header(let header):
                    // Sequences, not entries: an upper bound where the log is compacted.
                    output.total = header.streams.reduce(0) {
                        $0 + $1.head.sequence - $1.after
                    }
                case .entries(let some): output.done += UInt64(some.entries.count)
                default: break
                }
                progress(TransferProgress(done: output.done, total: output.total))
            }
            _ = try output.writer.finish()
        } catch {
            output.writer.discard()
            throw error
        }
    }

    // MARK: - Restoring

    /// Fills the store, which must hold no log, with a point of a series. The Region is then
    /// read-only until it has ruled out that others have seen more.
    package func restore(
        from series: BackupSeries, number: Int, progress: @escaping Progress = { _ in }
    ) async throws -> TransferSummary {
        try await restore(from: try series.chain(to: number), nil, progress)
    }

    /// The same with a moment between two points: what was written later is taken back once the point
    /// after it has been verified.
    package func restore(
        from plan: MomentPlan, progress: @escaping Progress = { _ in }
    ) async throws -> TransferSummary {
        try await restore(from: plan.points, plan, progress)
    }

    private func restore(
        from chain: [BackupSeries.Point], _ plan: MomentPlan?, _ progress: @escaping Progress
    ) async throws -> TransferSummary {
        let engine = try store.open()
        do {
            try await fill(engine, from: chain, asRestored: true, plan, progress)
            let summary = TransferSummary(engine.state, try await engine.verifyTrail())
            await engine.close()
            return summary
        } catch {
            await engine.close()
            throw error
        }
    }

    private func fill(
        _ engine: any LogEngine, from chain: [BackupSeries.Point], asRestored: Bool,
        _ plan: MomentPlan? = nil, _ progress: @escaping Progress
    ) async throws {
        guard let engine = engine as? any TransactionalLogEngine, let last = chain.last else {
            throw LogError(.storageFailed, "The engine cannot be filled.")
        }
        let total = chain.reduce(0) { $0 + $1.bytes }
        var done: UInt64 = 0
        var previous = Data()
        for point in chain {
            guard point.header.previous == previous else {
                throw LogError(
                    .checksumMismatch,
                    "Backup \(point.number) does not belong behind the one before it.")
            }
            var reader = try BackupReader(point.url)
            while let part = try reader.next() {
                try await engine.take(part)
                progress(TransferProgress(done: done + reader.bytesRead, total: total))
            }
            let header = point.header
            try await engine.work { try $0.endImport(header) }
            previous = reader.hash ?? Data()
            done += reader.bytesTotal
        }
        guard var identity = try last.header.logIdentity() else { return }
        if let plan {
            let handover = try await engine.cut(to: plan.cuts, last.header)
            identity = identity.cut(to: plan.cuts, known: plan.known, handover: handover)
        }
        if asRestored {
            identity.isRestored = true
            // Services, and the snapshots they keep, may have read what is not in the log any more:
            // the positions of this reading are none of any before.
            identity.incarnation = max(identity.incarnation + 1, UInt64(max(now(), 0)))
            identity.mayWriteOwnStream = false
        }
        let adopted = identity
        try await engine.work { try $0.adopt(adopted) }
    }

    // MARK: - Moving

    /// Copies the log to another engine, whose store must hold none, and compares both. The
    /// coordinator must not run meanwhile. Begun anew after a failure it starts over.
    package func migrate(
        to target: LogStore, through directory: URL, progress: @escaping Progress = { _ in }
    ) async throws -> TransferSummary {
        let series = BackupSeries(directory: directory)
        let file = series.url(of: 1)
        let source = try store.open()
        let before = source.state
        do {
            guard before.identity != nil else {
                throw LogError(.regionNotEnabled, "There is no log to be moved.")
            }
            try await export(source, after: ExportPoint(), to: file) { progress(half($0, 0)) }
            guard source.state.heads == before.heads else {
                throw LogError(.busy, "The log was written to meanwhile: stop the coordinator.")
            }
        } catch {
            await source.close()
            throw error
        }
        let trail = try await source.verifyTrail()
        await source.close()
        defer { try? FileManager.default.removeItem(at: file) }
        let engine = try target.open()
        do {
            try await fill(engine, from: try series.chain(to: 1), asRestored: false) {
                progress(half($0, 1))
            }
            try await Self.compare(engine, with: before, trail)
        } catch {
            await engine.close()
            throw error
        }
        let summary = TransferSummary(engine.state, trail)
        await engine.close()
        return summary
    }

    private static func compare(
        _ engine: any LogEngine, with before: LogState, _ trail: TrailVerdict
    ) async throws {
        let after = engine.state
        let verdict = try await engine.verifyTrail()
        guard after.digests == before.digests, after.heads == before.heads,
            after.identity == before.identity, verdict == trail
        else {
            throw LogError(
                .checksumMismatch, "The copy is not equal to the log it was made from.")
        }
    }
}

/// The first or second half of the whole way.
private func half(_ progress: TransferProgress, _ number: UInt64) -> TransferProgress {
    let total = max(progress.total, progress.done, 1)
    return TransferProgress(done: number * total + progress.done, total: 2 * total)
}

extension TransactionalLogEngine {
    /// Runs a step of an import as one transaction.
    fileprivate func work<R: Sendable>(
        _ body: @escaping @Sendable (LogTransaction) throws -> R
    ) async throws -> R {
        try await write(weight: 1 << 20, stream: nil, domain: "", keys: [], body)
    }

    /// Ends the streams there. Returns the last handover that the log then holds.
    fileprivate func cut(to cuts: [StreamCut], _ header: BackupHeader) async throws -> Reign? {
        for cut in cuts {
            while try await !work({ try $0.takeBack(beyond: cut) }) {}
        }
        let entry = try await work { transaction in
            try transaction.clampAcknowledgements(header, to: cuts)
            return try transaction.newestEntry(
                of: InstanceKey.handover, domain: DomainOwners.instance, in: .control)
        }
        return try entry.map { try InstanceState.handover($0) }
    }

    fileprivate func take(_ part: BackupPart) async throws {
        switch part.kind {
        case .header(let header): try await work { try $0.beginImport(header) }
        case .entries(let entries): try await work { try $0.importEntries(entries) }
        case .trail(let events): try await work { try $0.importTrail(events) }
        case .end, nil: break
        }
    }
}
