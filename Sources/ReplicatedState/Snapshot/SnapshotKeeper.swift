import Contracts
import Foundation
import Logging
import RPC

/// Keeps the file of a replica's snapshot near its state.
struct SnapshotKeeper<State: DomainState>: Sendable {
    let replica: DomainReplica<State>
    let path: String
    let pace: SnapshotPace

    /// Returns only by throwing `CancellationError`, or at once where no snapshots are wanted.
    func run() async throws {
        guard pace.entriesMin > 0 else { return SnapshotFile.remove(path) }
        var written = Written(entries: 0, generation: nil, end: .now - pace.rest, took: .zero)
        while true {
            try await Task.sleep(for: pace.look)
            let (status, entries, generation) = replica.withCore {
                ($0.status.name, $0.entriesApplied, $0.generation)
            }
            // Where no instance is nothing of one is left.
            if status == "not-enabled" { SnapshotFile.remove(path) }
            guard status == "open" else { continue }
            // What a snapshot or a first reading brought was counted from its own beginning.
            if written.generation != generation {
                written.entries = 0
                written.generation = generation
            }
            guard
                pace.isDue(
                    entries: entries - min(entries, written.entries), of: entries,
                    written: SnapshotFile.date(path)),
                SnapshotFile.hasRoom(for: SnapshotFile.byteCount(path), at: path),
                ContinuousClock.now - written.end >= max(pace.rest, written.took * 30)
            else { continue }
            try await write(&written)
        }
    }

    private struct Written {
        var entries: UInt64
        var generation: UInt64?
        var end: ContinuousClock.Instant
        var took: Duration
    }

    private func write(_ written: inout Written) async throws {
        let began = ContinuousClock.now
        defer {
            written.end = .now
            written.took = .now - began
        }
        do {
            guard let result = try await SnapshotTaking(replica: replica, path: path).run() else {
                return
            }
            written.entries = result.entriesApplied
            replica.logger.info(
                "a snapshot of the state was written",
                metadata: [
                    "file": "\(path)", "bytes": "\(result.byteCount)",
                    "took": "\(ContinuousClock.now - began)",
                ])
        } catch {
            try Task.checkCancellation()
            replica.logger.warning(
                "a snapshot of the state could not be written; a start will read more of the log",
                metadata: ["file": "\(path)", "problem": "\(error)"])
        }
    }
}

/// When a snapshot is worth being written.
package struct SnapshotPace: Sendable {
    /// Between two looks.
    package let look: Duration
    /// Between two snapshots, at least.
    package let rest: Duration
    /// Entries that a start would have to read, at least, before one is written: fewer are read in a
    /// moment. 0: none is ever written.
    package let entriesMin: UInt64

    package static let standard = SnapshotPace()

    package init(
        look: Duration = .seconds(5), rest: Duration = .seconds(10), entriesMin: UInt64 = 50_000
    ) {
        self.look = look
        self.rest = rest
        self.entriesMin = entriesMin
    }

    /// After so many seconds a file is replaced although little has changed: it still holds what has
    /// been deleted since.
    private static let ageMax: TimeInterval = 86_400

    /// - Parameters:
    ///   - entries: that a start would have to read.
    ///   - total: that were read in all.
    ///   - date: when the present file was written; nil when there is none.
    func isDue(entries: UInt64, of total: UInt64, written date: Date?, now: Date = Date()) -> Bool {
        if let date, now.timeIntervalSince(date) >= Self.ageMax, entries > 0 { return true }
        return entries >= max(entriesMin, total / 20)
    }
}
