package import Contracts
import Cryptography
import Foundation
import SwiftProtobuf

/// Writes what a replica holds into a file, a little at a time.
///
/// Readers and changes go on in between, so that the file is of no single moment: it says where the
/// state stood before and after. The log from the first of these places on brings every key that
/// changed meanwhile to its newest value, whichever of them a part has caught.
struct SnapshotTaking<State: DomainState>: Sendable {
    let replica: DomainReplica<State>
    let path: String

    /// Rest after a part, in multiples of the time that it took.
    private static var restFactor: Int { 2 }

    struct Result: Sendable {
        let entriesApplied: UInt64
        let byteCount: Int
    }

    /// What the replica was when the first part was written.
    private struct Start: Sendable {
        let generation: UInt64
        let logID: String
        let entriesApplied: UInt64
        let places: [StateSnapshotPlace]
    }

    /// Nil when there is nothing to write at present: the replica is not open, or has been emptied
    /// meanwhile, or its state keeps no snapshots.
    ///
    /// Throws: `SnapshotProblem`, `CryptographyError`, `CancellationError` and errors of the disk.
    func run() async throws -> Result? {
        guard let instanceARN = replica.instance.current?.instance.instanceArn,
            let start = start(), let sealing = replica.ring.newest
        else { return nil }
        let secret = try Random.secret(AEADKey.keyByteCount)
        var head = StateSnapshotHead()
        head.layout = State.snapshotLayout
        head.instanceArn = instanceARN
        head.logID = start.logID
        head.domains = replica.settings.domains.map(\.name)
        head.from = start.places
        head.dataKeys = replica.ring.everything.map(\.inSnapshot)
        head.fileKey = try secret.withUnsafeBytes { bytes in
            var plaintext = Array(bytes)
            defer { Wipe.overwrite(&plaintext) }
            return try RecordSealer.seal(
                plaintext, with: sealing.key, id: sealing.record.dataKeyID, at: head.filePlace)
        }
        let key = try AEADKey(secret)
        let writer = try await SnapshotFile.onQueue { [path, head] in
            try SnapshotFileWriter(path, head: head, key: key)
        }
        do {
            guard let end = try await copy(start, to: writer) else {
                writer.abandon()
                return nil
            }
            try await SnapshotFile.onQueue { try writer.finish(through: end) }
            return Result(entriesApplied: start.entriesApplied, byteCount: writer.byteCount)
        } catch {
            writer.abandon()
            throw error
        }
    }

    private func start() -> Start? {
        replica.withCore { core in
            guard core.status.isOpen, core.isWhole, core.state.isSnapshotable else { return nil }
            return Start(
                generation: core.generation, logID: core.logID,
                entriesApplied: core.entriesApplied, places: core.places)
        }
    }

    /// Where the state stands after the last part; nil when it is another state by then.
    private func copy(
        _ start: Start, to writer: SnapshotFileWriter
    ) async throws -> [StateSnapshotPlace]? {
        var place: Int? = 0
        while place != nil {
            let began = ContinuousClock.now
            var part = SnapshotPart()
            while let from = place, part.bytes.count < SnapshotFile.partBytes {
                guard let copied = copy(start, from: from) else { return nil }
                part.append(contentsOf: copied.items)
                place = copied.next
            }
            let bytes = part.bytes
            try await SnapshotFile.onQueue { try writer.write(bytes) }
            try await Task.sleep(for: (ContinuousClock.now - began) * Self.restFactor)
        }
        return replica.withCore { core in
            core.generation == start.generation && core.status.isOpen ? core.places : nil
        }
    }

    /// What one call of the state gives; nil when it is another state by then.
    private func copy(_ start: Start, from place: Int) -> (items: SnapshotPart, next: Int?)? {
        replica.withCore { core in
            guard core.generation == start.generation, core.state.isSnapshotable else { return nil }
            var items = SnapshotPart()
            let next = core.state.copy(from: place, into: &items)
            return (items, next)
        }
    }
}

extension ReplicaCore {
    /// Where the state stands in each stream.
    package var places: [StateSnapshotPlace] {
        progress.map { stream, progress in
            .with {
                $0.stream = stream
                $0.epoch = progress.epoch
                $0.sequence = progress.sequence
                $0.domainSequence = progress.domainSequence
            }
        }
    }
}

extension StateSnapshotHead {
    /// What the file's key is bound to.
    var filePlace: RecordSealer.Place {
        RecordSealer.Place(
            instanceARN: instanceArn, domain: "snapshot", key: logID, version: UInt64(layout))
    }
}

extension HeldDataKey {
    fileprivate var inSnapshot: StateSnapshotDataKey {
        .with {
            $0.record = record
            $0.version = version
            $0.stream = stream
            $0.domain = domain
        }
    }
}
