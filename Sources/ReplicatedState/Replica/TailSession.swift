import Contracts
import Foundation
import Logging
import NIOCore
import RPC
import SwiftProtobuf

/// One subscription to the log: opens what comes and applies it.
struct TailSession<State: DomainState>: Sendable {
    let replica: DomainReplica<State>
    let snapshot: InstanceSnapshot

    /// Changes applied under one lock, so that readers are not kept waiting.
    private static var changesPerLock: Int { 64 }
    /// The same while there are no readers yet.
    private static var changesPerLockWhileLoading: Int { 2_000 }

    /// Follows until the stream ends. True when it had caught up.
    func run() async throws -> Bool {
        var hasCaughtUp = false
        var isOpen = false
        if let path = replica.settings.snapshotFile, replica.settings.snapshotPace.entriesMin > 0,
            replica.withCore({ $0.logID.isEmpty })
        {
            _ = try await SnapshotReading(replica: replica, snapshot: snapshot, path: path).run()
        }
        let messages = try await replica.clients.log.tail(request(follow: true))
        for try await payload in messages.payloads {
            if takeInPlace(payload) {
                if hasCaughtUp, !isOpen { isOpen = openIfWhole() }
                continue
            }
            switch try MessageCoding.decode(CoordinatorTailResponse.self, from: payload).kind {
            case .start(let start): begin(start)
            case .batch(let batch):
                try await take(batch)
                if hasCaughtUp, !isOpen { isOpen = openIfWhole() }
            case .caughtUp:
                hasCaughtUp = true
                isOpen = openIfWhole()
            case .reset:
                replica.drop(.loading(applied: 0, total: 0))
                return false
            case nil: break
            }
        }
        return hasCaughtUp
    }

    private func openIfWhole() -> Bool {
        let isWhole = replica.withCore { $0.isWhole }
        if isWhole { replica.change { $0.status = .open } }
        return isWhole
    }

    private func request(follow: Bool) -> CoordinatorTailRequest {
        var request = CoordinatorTailRequest()
        request.domains = replica.settings.domains.map(\.name)
        request.follow = follow
        if follow {
            (request.after, request.logID) = replica.withCore { ($0.positions, $0.logID) }
        }
        return request
    }

    private func begin(_ start: CoordinatorTailResponse.Start) {
        let mustDrop = start.reset || replica.withCore { $0.logID != start.logID }
        if mustDrop {
            replica.change { core in
                replica.ring.removeAll()
                core.drop()
                if case .closed = core.status { return }
                core.status = .loading(applied: 0, total: start.entriesTotal)
            }
        }
        replica.change { core in
            core.logID = start.logID
            core.entriesTotal = start.entriesTotal
        }
    }

    /// Takes a batch that needs nothing but data keys that are held, without making messages of it;
    /// false for whatever has to go the general way.
    private func takeInPlace(_ payload: ByteBuffer) -> Bool {
        payload.withUnsafeReadableBytes { bytes in
            guard let batch = LentBatch(bytes) else { return false }
            let stream = batch.stream
            let (stand, isOpen) = replica.withCore {
                ($0.progress[stream]?.sequence ?? 0, $0.status.isOpen)
            }
            // What is missing is told the general way.
            guard batch.after <= stand else { return false }
            var opener = LentBatchOpener(instanceARN: snapshot.instance.instanceArn) {
                replica.ring.key($0)
            }
            guard let opened = try? opener.open(batch, after: stand) else { return false }
            let step = isOpen ? Self.changesPerLock : Self.changesPerLockWhileLoading
            var start = 0
            while start < opened.entries.count {
                let part = start..<opened.endOfCommits(from: start, atLeast: step)
                start = part.upperBound
                replica.withCore { $0.apply(opened, part) }
            }
            let through = batch.through
            replica.change { $0.advance(to: through) }
            return true
        }
    }

    private func take(_ batch: CoordinatorTailResponse.Batch) async throws {
        let stand = replica.withCore { $0.progress[batch.stream]?.sequence ?? 0 }
        guard batch.after <= stand else { throw gap(batch, stand) }
        let entries = batch.entries.drop { $0.sequence <= stand }
        for entry in entries where entry.isDataKey { try await takeDataKey(entry) }
        let changes = try await open(entries)
        var rest = changes[...]
        while !rest.isEmpty {
            let part = rest.wholeCommits(atLeast: Self.changesPerLock)
            rest = rest[part.endIndex...]
            replica.withCore { $0.apply(part) }
        }
        replica.change { $0.advance(to: batch.through) }
    }

    /// The tail ends, and begins again where the replica stands.
    private func gap(_ batch: CoordinatorTailResponse.Batch, _ stand: UInt64) -> RPCError {
        replica.logger.error(
            "entries of the log are missing in its tail",
            metadata: [
                "stream": "\(batch.stream)", "after": "\(stand)", "before": "\(batch.after)",
            ])
        return RPCError(
            .dataLoss, reason: "LOG_GAP",
            message: "Entries of \(batch.stream) after \(stand) have not come.")
    }

    private func open(_ entries: ArraySlice<LogEntry>) async throws -> [SequencedChange] {
        var changes: [SequencedChange] = []
        changes.reserveCapacity(entries.count)
        for entry in entries {
            do {
                changes.append(try open(entry))
            } catch SealError.unknownDataKey(let id) {
                if isReplaced(entry, sealedWith: id) { continue }
                try await findDataKeys()
                if isReplaced(entry, sealedWith: id) { continue }
                do {
                    changes.append(try open(entry))
                } catch SealError.unknownDataKey(let id) {
                    throw closure(entry, "needs data key \(id.prefix(64)), which is not there")
                }
            }
        }
        return changes
    }

    private func open(_ entry: LogEntry) throws -> SequencedChange {
        var value: [UInt8]?
        if !entry.tombstone, !entry.isDataKey {
            let place = RecordSealer.Place(
                instanceARN: snapshot.instance.instanceArn, domain: entry.domain, key: entry.key,
                version: entry.version)
            do {
                value = try RecordSealer.open(entry.value, at: place) { replica.ring.key($0) }
            } catch SealError.notAuthentic {
                throw closure(entry, "is not what its owner sealed")
            }
        }
        return SequencedChange(
            sequence: entry.sequence, epoch: entry.epoch, commit: entry.commit,
            change: DomainChange(
                stream: entry.stream, domain: entry.domain, key: entry.key, version: entry.version,
                value: value))
    }

    /// A data key is deleted when no live record needs it: what it sealed has been replaced by then.
    private func isReplaced(_ entry: LogEntry, sealedWith id: String) -> Bool {
        guard let deletion = replica.ring.deletion(id), entry.sequence < deletion else {
            return false
        }
        replica.withCore { core in
            core.opensAfter[entry.stream] = max(core.opensAfter[entry.stream] ?? 0, deletion)
        }
        return true
    }

    private func closure(_ entry: LogEntry, _ problem: String) -> ReplicaClosure {
        ReplicaClosure(
            corrupt: entry.key, stream: entry.stream, sequence: entry.sequence, problem: problem)
    }

    private func takeDataKey(_ entry: LogEntry) async throws {
        let id = entry.dataKeyID
        guard !entry.tombstone else {
            replica.ring.markDeleted(id, at: entry.sequence)
            return replica.ring.remove(id)
        }
        do {
            try await open(dataKey: entry)
        } catch let closure as ReplicaClosure {
            // A log that is not compacted still holds the wrapping from before a change of the KMS
            // key, perhaps by a key that this Region never had: the newest one counts.
            guard let newest = try await newestDataKeys()[id], newest.version > entry.version else {
                throw closure
            }
            guard !newest.tombstone else {
                return replica.ring.markDeleted(id, at: newest.sequence)
            }
            try await open(dataKey: newest)
        }
    }

    private func open(dataKey entry: LogEntry) async throws {
        guard let record = try? StateDataKeyRecord(serializedBytes: entry.value),
            record.dataKeyID == entry.dataKeyID
        else { throw closure(entry, "is no data key record") }
        // Only what is said about the key has changed: nothing to ask the keys service.
        if let held = replica.ring.held(record.dataKeyID),
            held.record.ciphertextBlob == record.ciphertextBlob
        {
            return replica.ring.update(record, version: entry.version)
        }
        let start = ContinuousClock.now
        do {
            let key = try await replica.wrapper.open(record, for: snapshot)
            replica.ring.insert(
                HeldDataKey(
                    record: record, version: entry.version, stream: entry.stream,
                    domain: entry.domain, key: replica.ring.key(record.dataKeyID) ?? key,
                    checkedAt: start))
        } catch let error as RPCError where error.isKeyRefusal {
            throw ReplicaClosure(refusedKey: record, error)
        }
    }

    /// Opens what is not held: after a compaction a data key that was wrapped anew stands behind
    /// records that it sealed.
    private func findDataKeys() async throws {
        for (id, entry) in try await newestDataKeys() where !replica.ring.holds(id) {
            if entry.tombstone {
                replica.ring.markDeleted(id, at: entry.sequence)
            } else {
                try await open(dataKey: entry)
            }
        }
    }

    /// The newest record of every data key, or its tombstone, from another reading of the log.
    private func newestDataKeys() async throws -> [String: LogEntry] {
        var newest: [String: LogEntry] = [:]
        for try await message in try await replica.clients.log.tail(
            request(follow: false), options: CallOptions(timeout: .seconds(600)))
        {
            guard case .batch(let batch) = message.kind else { continue }
            for entry in batch.entries where entry.isDataKey {
                newest[entry.dataKeyID] = entry
            }
        }
        return newest
    }
}

extension LogEntry {
    var isDataKey: Bool { key.utf8.starts(with: HeldDataKey.keyPrefix.utf8) }

    var dataKeyID: String { String(key.dropFirst(HeldDataKey.keyPrefix.count)) }
}

extension ArraySlice where Element == SequencedChange {
    /// A prefix that ends with a commit.
    func wholeCommits(atLeast count: Int) -> ArraySlice<SequencedChange> {
        var end = Swift.min(startIndex + count, endIndex)
        while end < endIndex, self[end].commit == self[end - 1].commit { end += 1 }
        return self[..<end]
    }
}
