import Contracts
import Foundation
import Logging
import RPC
import SwiftProtobuf

/// One subscription to the log: opens what comes and applies it.
struct TailSession<State: DomainState>: Sendable {
    let replica: DomainReplica<State>
    let snapshot: InstanceSnapshot

    /// Changes applied under one lock, so that readers are not kept waiting.
    private static var changesPerLock: Int { 64 }

    /// Follows until the stream ends. True when it had caught up.
    func run() async throws -> Bool {
        var hasCaughtUp = false
        for try await message in try await replica.clients.log.tail(request(follow: true)) {
            switch message.kind {
            case .start(let start): begin(start)
            case .batch(let batch): try await take(batch)
            case .caughtUp:
                hasCaughtUp = true
                replica.change { $0.status = .open }
            case .reset:
                replica.drop(.loading(applied: 0, total: 0))
                return false
            case nil: break
            }
        }
        return hasCaughtUp
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
            replica.ring.removeAll()
            replica.change { core in
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

    private func take(_ batch: CoordinatorTailResponse.Batch) async throws {
        let stand = replica.withCore { $0.progress[batch.stream]?.sequence ?? 0 }
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

    private func open(_ entries: ArraySlice<LogEntry>) async throws -> [SequencedChange] {
        var changes: [SequencedChange] = []
        changes.reserveCapacity(entries.count)
        for entry in entries {
            do {
                changes.append(try open(entry))
            } catch SealError.unknownDataKey {
                try await findDataKeys()
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

    private func closure(_ entry: LogEntry, _ problem: String) -> ReplicaClosure {
        ReplicaClosure(
            corrupt: entry.key, stream: entry.stream, sequence: entry.sequence, problem: problem)
    }

    private func takeDataKey(_ entry: LogEntry) async throws {
        let id = String(entry.key.dropFirst(HeldDataKey.keyPrefix.count))
        guard !entry.tombstone else { return replica.ring.remove(id) }
        // A newer wrapping of the same key may have been found ahead of its place.
        if let version = replica.ring.version(id), version > entry.version { return }
        guard let record = try? StateDataKeyRecord(serializedBytes: entry.value),
            record.dataKeyID == id
        else { throw closure(entry, "is no data key record") }
        let start = ContinuousClock.now
        do {
            let key = try await replica.wrapper.open(record, for: snapshot)
            replica.ring.insert(
                HeldDataKey(
                    record: record, version: entry.version, stream: entry.stream,
                    domain: entry.domain, key: replica.ring.key(id) ?? key, checkedAt: start))
        } catch let error as RPCError where error.isKeyRefusal {
            guard let newer = try await newerWrapping(of: entry) else {
                throw ReplicaClosure(refusedKey: record, error)
            }
            try await takeDataKey(newer)
        }
    }

    /// The newest entry of a data key, when the log holds one after this entry. A log that is not
    /// compacted yet still shows wrappings by KMS keys that this Region never had.
    private func newerWrapping(of entry: LogEntry) async throws -> LogEntry? {
        var newest: LogEntry?
        for try await message in try await replica.clients.log.tail(
            request(follow: false), options: CallOptions(timeout: .seconds(600)))
        {
            guard case .batch(let batch) = message.kind, batch.stream == entry.stream else {
                continue
            }
            for other in batch.entries
            where other.key == entry.key && other.domain == entry.domain
                && other.version > (newest ?? entry).version
            {
                newest = other
            }
        }
        return newest
    }

    /// Reads the log once more for its data keys: after a compaction a data key that was wrapped
    /// anew stands behind records that it sealed.
    private func findDataKeys() async throws {
        for try await message in try await replica.clients.log.tail(
            request(follow: false), options: CallOptions(timeout: .seconds(600)))
        {
            guard case .batch(let batch) = message.kind else { continue }
            for entry in batch.entries where entry.isDataKey && !entry.tombstone {
                let id = String(entry.key.dropFirst(HeldDataKey.keyPrefix.count))
                if !replica.ring.holds(id) { try await takeDataKey(entry) }
            }
        }
    }
}

extension LogEntry {
    var isDataKey: Bool { key.utf8.starts(with: HeldDataKey.keyPrefix.utf8) }
}

extension ArraySlice where Element == SequencedChange {
    /// A prefix that ends with a commit.
    func wholeCommits(atLeast count: Int) -> ArraySlice<SequencedChange> {
        var end = Swift.min(startIndex + count, endIndex)
        while end < endIndex, self[end].commit == self[end - 1].commit { end += 1 }
        return self[..<end]
    }
}
