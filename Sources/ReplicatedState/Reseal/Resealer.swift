import Contracts
import Logging
import RPC

/// Seals existing records anew when the instance asks for another generation of data keys: after a
/// change of the KMS key and when an operator rotates the data keys.
///
/// Each record is written again with the same value and the next version, through the path of all
/// writes, so a request that changes it at the same time is neither lost nor delayed. What is left to
/// do is derived from the log: a restart goes on where the last run ended. A data key that no live
/// record needs stays for a while, so that what a former primary exported can be opened, and is then
/// deleted.
struct Resealer<State: DomainState>: Sendable {
    let writer: DomainWriter<State>

    private var replica: DomainReplica<State> { writer.replica }
    private static var progressEvery: Duration { .seconds(1) }
    /// Before records are looked at again that could not be sealed anew.
    private static var retryAfter: Duration { .seconds(60) }

    /// Returns only by throwing `CancellationError`.
    func run() async throws {
        var backoff = Backoff()
        while true {
            let snapshot = replica.instance.current
            var wait = Duration.seconds(1)
            do {
                if let snapshot { wait = try await step(snapshot) }
                backoff.reset()
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                replica.logger.warning(
                    "records could not be sealed anew",
                    metadata: ["domain": "\(writer.domain.name)", "error": "\(error)"])
                wait = backoff.next()
            }
            _ = try await replica.instance.changes.wait(until: .after(wait)) {
                [replica] in replica.instance.current != snapshot
            }
        }
    }

    /// Does what there is to do. Returns when to look again.
    private func step(_ snapshot: InstanceSnapshot) async throws -> Duration {
        guard isDue(snapshot) else { return .seconds(1) }
        let stale = staleKeys(snapshot)
        guard !stale.isEmpty else { return .seconds(1) }
        for held in stale where held.record.active {
            try await writer.update(dataKey: held.record.dataKeyID) { $0.active = false }
        }
        try await deleteUnused(stale)
        let used = Set(
            stale.filter { $0.record.unusedSinceUs == 0 }.map(\.record.dataKeyID))
        guard !used.isEmpty else { return .seconds(1) }
        let left = try await count(used)
        guard left > 0, isDue(snapshot) else { return .zero }
        try await reseal(used, snapshot)
        let stillLeft = try await count(used)
        guard stillLeft == left else { return .zero }
        replica.logger.warning(
            "some records stay sealed under old data keys",
            metadata: ["domain": "\(writer.domain.name)", "records": "\(stillLeft)"])
        return Self.retryAfter
    }

    /// Whether this Region writes the domain, and no change of the KMS key is on its way.
    private func isDue(_ snapshot: InstanceSnapshot) -> Bool {
        replica.status.isOpen && snapshot.instance.encryption.status != .updating
            && replica.instance.current?.instance.encryption == snapshot.instance.encryption
            && (writer.domain.scope == .regional
                || replica.instance.current?.instance.primaryRegion == replica.settings.region)
    }

    private func staleKeys(_ snapshot: InstanceSnapshot) -> [HeldDataKey] {
        replica.ring.all(stream: writer.stream, domain: writer.domain.name)
            .filter { $0.isStale(snapshot) }
    }

    private func deleteUnused(_ stale: [HeldDataKey]) async throws {
        let keep = replica.settings.unusedDataKeyKeep
        let before = Timestamp.nowMicroseconds - Int64(keep / .microseconds(1))
        for held in stale where (1...before).contains(held.record.unusedSinceUs) {
            try await writer.delete(dataKey: held.record.dataKeyID)
        }
    }

    /// Counts what data keys seal and writes it down. All of them are inactive by now, so a count of
    /// zero stays zero.
    private func count(_ ids: Set<String>) async throws -> UInt64 {
        let counts = try await records(ids).count()
        for id in ids {
            let left = counts[id] ?? 0
            try await writer.update(dataKey: id) {
                $0.records = max($0.records, left)
                $0.recordsLeft = left
                if left == 0 { $0.unusedSinceUs = Timestamp.nowMicroseconds }
            }
        }
        return counts.values.reduce(0, +)
    }

    private func records(_ ids: Set<String>) -> StaleRecords<State> {
        StaleRecords(
            replica: replica, stream: writer.stream, domain: writer.domain.name, dataKeyIDs: ids)
    }

    private func reseal(_ ids: Set<String>, _ snapshot: InstanceSnapshot) async throws {
        let generation = replica.withCore { $0.generation }
        var pace = ResealPace(requests: writer.requests)
        var progress = Progress(records: 0, reportedAt: .now)
        var page = StaleRecords<State>.Page(isLast: false)
        while !page.isLast {
            page = try await records(ids).page(after: page.through)
            var rest = page.records[...]
            while !rest.isEmpty {
                // What was read belongs to the state as it was then, and not to another history.
                guard isDue(snapshot), replica.withCore({ $0.generation }) == generation else {
                    return
                }
                let batch = rest.prefix(ResealPace.batchMax)
                rest = rest.dropFirst(batch.count)
                let start = ContinuousClock.now
                progress.records += try await write(Array(batch))
                let took = ContinuousClock.now - start
                try await report(&progress, ids)
                try await Task.sleep(for: pace.rest(after: took, requests: writer.requests))
            }
        }
    }

    /// Seals records anew that nobody has changed since they were read. Returns how many.
    private func write(_ records: [StaleRecord]) async throws -> Int {
        let stream = writer.stream
        return try await writer.submit(until: .after(.seconds(30)), inBackground: true) { state in
            let changes = records.compactMap { record -> RecordChange? in
                let version = record.version + 1
                guard state.version(ofRecord: record.key, in: stream) == record.version,
                    let value = state.value(record.value, of: record.key, as: version)
                else { return nil }
                return .put(record.key, version: version, value)
            }
            return DomainWrite(changes.count, changes: changes)
        }.answer
    }

    private struct Progress {
        var records: Int
        var reportedAt: ContinuousClock.Instant
    }

    /// Writes down how far it is, once a second. Which of several data keys sealed a record does not
    /// matter for that: the next count says it exactly.
    private func report(_ progress: inout Progress, _ ids: Set<String>) async throws {
        guard ContinuousClock.now - progress.reportedAt >= Self.progressEvery else { return }
        var done = UInt64(progress.records)
        progress = Progress(records: 0, reportedAt: .now)
        for id in ids.sorted() where done > 0 {
            let left = replica.ring.held(id)?.record.recordsLeft ?? 0
            // The last one is left to the count.
            let taken = min(done, left > 0 ? left - 1 : 0)
            guard taken > 0 else { continue }
            done -= taken
            try await writer.update(dataKey: id) { $0.recordsLeft = left - taken }
        }
    }
}
