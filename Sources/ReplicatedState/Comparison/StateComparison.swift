import Contracts
import NIOCore
import RPC
import SwiftProtobuf

/// Compares what a replica serves with the log that it was built from, record by record.
///
/// The log is read once more beside the tail; values stay sealed, since the version of a record says
/// which of its values it is. Readers and writers go on: the state is asked for a few records at a time.
struct StateComparison<State: DomainState>: Sendable {
    let replica: DomainReplica<State>

    /// Records looked up under one lock.
    private static var lookUpsPerLock: Int { 64 }
    /// Little, so that nobody waits long for the coordinator meanwhile.
    private static var entriesPerMessage: UInt32 { 200 }
    /// Rest after a message, in multiples of the time that it took: a comparison that is long is a
    /// background's work of minutes and not a burst that calls notice.
    private static func restFactor(after time: Duration) -> Int { time < .seconds(1) ? 2 : 50 }
    /// Of one reading of the log.
    private static var readMax: Duration { .seconds(4 * 3_600) }
    /// Until the log has been read as far as the state stands.
    private static var catchUpMax: Duration { .seconds(10) }

    struct Verdict: Sendable, Equatable {
        /// Names the state: another one has been built anew since.
        var generation: UInt64 = 0
        var entries: UInt64 = 0
        /// Records that differ, by stream and key.
        var differing: [String] = []
        /// Records that are held and that the log does not know.
        var surplus: UInt64 = 0

        var isEqual: Bool { differing.isEmpty && surplus == 0 }

        /// What is different in both; nil when they are of two states.
        func confirmed(by other: Verdict) -> Verdict? {
            guard generation == other.generation else { return nil }
            var both = other
            both.differing = differing.filter(Set(other.differing).contains)
            both.surplus = min(surplus, other.surplus)
            return both
        }
    }

    /// The state at one moment.
    private struct Moment: Equatable {
        var generation: UInt64
        var logID: String
        var stands: [String: UInt64]
        var domainSequences: [String: UInt64]
        /// Live records; nil for a state that cannot say.
        var recordCount: UInt64?
    }

    /// What has been read of the log.
    private struct Course {
        var comparison = RecordComparison()
        var through: [String: UInt64] = [:]
    }

    /// Nil when nothing can be said: the replica is not open, what it holds was dropped meanwhile, or the
    /// coordinator that was asked is behind it.
    ///
    /// Throws: the errors of a tail, `CancellationError`.
    func run() async throws -> Verdict? {
        guard let start = moment() else { return nil }
        var course = Course()
        guard try await read(&course, start) else { return nil }
        let suspects = course.comparison.open
        guard let (end, held) = look(at: suspects), end.generation == start.generation else {
            return nil
        }
        guard try await readOn(&course, to: end) else { return nil }
        var verdict = Verdict(
            generation: end.generation, entries: course.comparison.entries)
        verdict.differing = course.comparison.differences(held: held, stands: end.stands)
            .map { "\($0.stream) \($0.key)" }
        verdict.surplus = surplus(course, start, end)
        return verdict
    }

    private func moment() -> Moment? { look(at: [])?.moment }

    /// What the state holds of some records, and where it stands; nil when it is not open.
    private func look(
        at records: [RecordComparison.Record]
    ) -> (moment: Moment, held: [RecordComparison.Record: UInt64?])? {
        replica.withCore { core in
            guard core.status.isOpen, core.isWhole, core.state.isComparable else { return nil }
            var held: [RecordComparison.Record: UInt64?] = [:]
            for record in records {
                held.updateValue(
                    core.state.version(ofRecord: record.key, in: record.stream), forKey: record)
            }
            let moment = Moment(
                generation: core.generation, logID: core.logID,
                stands: core.progress.mapValues(\.sequence),
                domainSequences: core.progress.mapValues(\.domainSequence),
                recordCount: core.state.recordCount.map { UInt64($0) })
            return (moment, held)
        }
    }

    /// Only where nothing has changed meanwhile can it be said that the state holds too much.
    private func surplus(_ course: Course, _ start: Moment, _ end: Moment) -> UInt64 {
        guard let count = end.recordCount, start.recordCount == count,
            start.domainSequences == end.domainSequences
        else { return 0 }
        return count - min(count, course.comparison.settled)
    }

    /// Reads on until all has been read that the state stood on; false when that does not come.
    private func readOn(_ course: inout Course, to end: Moment) async throws -> Bool {
        let deadline = ContinuousClock.now + Self.catchUpMax
        while true {
            let through = course.through
            if end.domainSequences.allSatisfy({ $0.value <= through[$0.key] ?? 0 }),
                course.comparison.open.allSatisfy({
                    end.stands[$0.stream] ?? 0 <= through[$0.stream] ?? 0
                })
            {
                return true
            }
            guard .now < deadline else { return false }
            try await Task.sleep(for: .milliseconds(100))
            guard try await read(&course, end) else { return false }
        }
    }

    /// Reads what comes next in all streams, to their present heads. False when it is another reading of
    /// the log, or too much is suspect.
    private func read(_ course: inout Course, _ moment: Moment) async throws -> Bool {
        var request = CoordinatorTailRequest()
        request.domains = replica.settings.domains.map(\.name)
        request.logID = moment.logID
        request.entriesMax = Self.entriesPerMessage
        request.after = course.through.map { stream, sequence in
            .with {
                $0.stream = stream
                $0.sequence = sequence
            }
        }
        let messages = try await replica.clients.log.tail(
            request, options: CallOptions(timeout: Self.readMax))
        let start = ContinuousClock.now
        for try await payload in messages.payloads {
            let began = ContinuousClock.now
            if take(payload, &course, moment) {
                guard !course.comparison.isTooMuch else { return false }
                let now = ContinuousClock.now
                try await Task.sleep(for: (now - began) * Self.restFactor(after: now - start))
                continue
            }
            switch try MessageCoding.decode(CoordinatorTailResponse.self, from: payload).kind {
            case .start(let start):
                guard !start.reset, start.logID == moment.logID else { return false }
            case .caughtUp: return true
            default: return false
            }
        }
        return false
    }

    /// Takes in a batch; false when it is none, or the replica is not what it was.
    private func take(_ payload: ByteBuffer, _ course: inout Course, _ moment: Moment) -> Bool {
        payload.withUnsafeReadableBytes { bytes in
            guard let batch = LentBatch(bytes) else { return false }
            var rest = batch.entries[...]
            while !rest.isEmpty {
                let part = rest.prefix(Self.lookUpsPerLock).filter { !$0.isDataKey }
                rest = rest.dropFirst(Self.lookUpsPerLock)
                guard let (held, stand) = versions(of: part, in: batch.stream, moment) else {
                    return false
                }
                for (entry, version) in zip(part, held) {
                    course.comparison.take(
                        RecordComparison.Said(entry), of: entry.key, in: batch.stream,
                        held: version, stand: stand)
                }
            }
            course.through[batch.stream] = batch.through.sequence
            return true
        }
    }

    /// What the state holds of the entries' records, and where it stands.
    private func versions(
        of entries: [LentBatch.Entry], in stream: String, _ moment: Moment
    ) -> (held: [UInt64?], stand: UInt64)? {
        let keys = entries.map { String(wire: $0.key) }
        return replica.withCore { core in
            guard core.generation == moment.generation else { return nil }
            return (
                keys.map { core.state.version(ofRecord: $0, in: stream) },
                core.progress[stream]?.sequence ?? 0
            )
        }
    }
}

extension RecordComparison.Said {
    init(_ entry: LentBatch.Entry) {
        self.init(
            sequence: entry.sequence, version: entry.version, isTombstone: entry.isTombstone)
    }
}
