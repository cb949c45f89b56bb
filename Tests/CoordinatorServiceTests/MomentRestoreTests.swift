import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf
import Synchronization
import Testing

@testable import CoordinatorService

@Suite("Restoring a moment between backups")
struct MomentRestoreTests {
    private static let start: Int64 = 1_790_000_000_000_000

    /// A clock that a test sets.
    private final class Clock: Sendable {
        private let time = Mutex(MomentRestoreTests.start)
        var now: Int64 { time.withLock { $0 } }
        func move(_ seconds: Int64) { time.withLock { $0 += seconds * 1_000_000 } }
    }

    private static func second(_ count: Int64) -> Int64 { start + count * 1_000_000 }

    /// A second of a Region: a canary, a change of one of few keys, a session.
    private func second(_ engine: any LogEngine, _ number: UInt64, at time: Int64) async throws {
        let own = StreamName.regional(engine.state.region)
        try await LogPlace.append(engine, "now", version: number, domain: "canary", at: time)
        try await LogPlace.append(engine, "k\(number % 3)", version: number, at: time)
        try await LogPlace.append(
            engine, "session/\(number)", stream: own, domain: "session", at: time)
    }

    private func live(_ state: LogState) -> [LogDomainDigest] {
        state.digests.filter { $0.liveKeys > 0 }
    }

    @Test("every second between two backups comes back as it was, and is read-only until proved")
    func everySecond() async throws {
        let place = try LogPlace()
        let store = place.store("source")
        let engine = try await place.primary(store)
        let clock = Clock()
        let transfer = LogTransfer(store, now: { clock.now })
        var was: [[LogDomainDigest]] = [[]]
        var recent = RecentHeads(age: .seconds(60))
        let begin = ContinuousClock.now
        for number in 1...40 {
            clock.move(1)
            try await second(engine, UInt64(number), at: clock.now)
            was.append(live(engine.state))
            let bounds = recent.note(engine.state, at: begin + .seconds(number))
            for (stream, bound) in bounds {
                _ = try await engine.compact(
                    CompactionRequest(
                        stream: stream, through: bound, tombstonesBeforeMicroseconds: nil))
            }
            if number % 20 == 0 {
                _ = try await transfer.backUp(to: place.series, isWhole: false)
            }
        }
        await engine.close()
        for number: Int64 in [1, 7, 19, 20, 21, 33, 40] {
            let moment = Self.second(number) + (number < 40 ? 400_000 : 0)
            let plan = try place.series.plan(at: moment)
            #expect(plan.lastChangeMicroseconds == Self.second(number))
            let target = place.store("target-\(number)")
            let summary = try await LogTransfer(target).restore(from: plan)
            #expect(summary.streams == 2)
            let restored = try target.open()
            #expect(live(restored.state) == was[Int(number)])
            #expect(restored.state.position(of: .control).sequence == UInt64(2 * number))
            #expect(restored.state.identity?.isRestored == true)
            let error = await #expect(throws: LogError.self) {
                try await LogPlace.append(restored, "new")
            }
            #expect(error?.code == .regionNotEnabled)
            await restored.close()
        }
    }

    @Test("a moment whose state was compacted away is refused with the nearest that can be had")
    func refused() async throws {
        let place = try LogPlace()
        let store = place.store("source")
        let engine = try await place.primary(store)
        let clock = Clock()
        let transfer = LogTransfer(store, now: { clock.now })
        var was: [Int64: [LogDomainDigest]] = [:]
        for number in 1...30 {
            clock.move(1)
            try await second(engine, UInt64(number), at: clock.now)
            was[Int64(number)] = live(engine.state)
            if number == 10 { _ = try await transfer.backUp(to: place.series, isWhole: false) }
            if number == 25 {
                for stream in engine.state.streams.keys {
                    _ = try await engine.compact(
                        CompactionRequest(
                            stream: stream, through: .max, tombstonesBeforeMicroseconds: nil))
                }
            }
        }
        _ = try await transfer.backUp(to: place.series, isWhole: false)
        await engine.close()
        let error = #expect(throws: MomentRefusal.self) {
            try place.series.plan(at: Self.second(17))
        }
        let refusal = try #require(error)
        #expect(refusal.earlier == Self.second(10))
        #expect(refusal.later == Self.second(25))
        #expect(refusal.description.contains(MomentText.text(Self.second(25))))
        for number: Int64 in [10, 25, 28] {
            let target = place.store("target-\(number)")
            _ = try await LogTransfer(target).restore(
                from: try place.series.plan(at: Self.second(number)))
            let restored = try target.open()
            #expect(live(restored.state) == was[number])
            await restored.close()
        }
        let late = #expect(throws: MomentRefusal.self) {
            try place.series.plan(at: Self.second(31))
        }
        #expect(late?.earlier == Self.second(30))
        #expect(late?.later == nil)
        let early = #expect(throws: MomentRefusal.self) {
            try place.series.plan(at: Self.start - 1)
        }
        #expect(early?.later == Self.second(10))
    }

    @Test("a damaged file is noticed before anything is written")
    func damaged() async throws {
        let place = try LogPlace()
        let store = place.store("source")
        let engine = try await place.primary(store)
        try await second(engine, 1, at: Self.second(1))
        let point = try await LogTransfer(store, now: { Self.second(5) }).backUp(
            to: place.series, isWhole: false)
        await engine.close()
        var bytes = try Data(contentsOf: point.url)
        bytes[bytes.count / 2] ^= 8
        try bytes.write(to: point.url)
        let error = #expect(throws: LogError.self) { try place.series.plan(at: Self.second(2)) }
        #expect(error?.code == .checksumMismatch)
    }

    // MARK: - Reigns

    private func handover(to region: String, epoch: UInt64, at time: Int64) throws -> AppendCommand
    {
        var record = LogPlace.record(InstanceKey.handover, version: epoch)
        record.value = try LogReign.with {
            $0.epoch = epoch
            $0.primaryRegion = region
        }.serializedData()
        return AppendCommand(
            stream: .control, domain: DomainOwners.instance, expectedDomainSequence: nil,
            records: [record], writtenAtMicroseconds: time,
            succession: Succession(epoch: epoch, primaryRegion: region))
    }

    @Test("a change of the primary is part of the moment: before, at and after the handover")
    func promotion() async throws {
        let place = try LogPlace()
        let store = place.store("source")
        let engine = try await place.primary(store)
        try await second(engine, 1, at: Self.second(1))
        _ = try await LogTransfer(store, now: { Self.second(2) }).backUp(
            to: place.series, isWhole: false)
        try await second(engine, 2, at: Self.second(3))
        _ = try await engine.append(try handover(to: "eu-west-1", epoch: 2, at: Self.second(4)))
        let other = place.store("other", region: "eu-west-1")
        let successor = try await successor(other, of: engine)
        try await LogPlace.append(successor, "later", at: Self.second(6))
        try await pull(engine, from: successor)
        _ = try await LogTransfer(store, now: { Self.second(9) }).backUp(
            to: place.series, isWhole: false)
        for (moment, reigns, head) in [(3, 1, 4), (4, 2, 5), (5, 2, 5), (6, 2, 6)] {
            let target = place.store("target-\(moment)")
            _ = try await LogTransfer(target).restore(
                from: try place.series.plan(at: Self.second(Int64(moment))))
            let restored = try target.open()
            #expect(restored.state.identity?.history.reigns.count == reigns)
            #expect(restored.state.identity?.isPrimary == (reigns == 1))
            #expect(restored.state.position(of: .control).sequence == UInt64(head))
            #expect(restored.state.position(of: .control).epoch == (head == 6 ? 2 : 1))
            await restored.close()
        }
        await successor.close()
        await engine.close()
    }

    /// A Region that has followed and takes over after the handover.
    private func successor(
        _ store: LogStore, of engine: any LogEngine
    ) async throws -> any LogEngine {
        let successor = try store.open()
        try await successor.establish(
            LogIdentity(
                logID: LogPlace.logID, region: store.region, primaryRegion: engine.state.region,
                epoch: 1, mayWriteOwnStream: true))
        try await pull(successor, from: engine)
        let history = try #require(engine.state.identity?.history)
        try await successor.amend(events: []) { identity, state in
            _ = identity.follow(history, head: state.position(of: .control).sequence)
        }
        return successor
    }

    /// Receives what another Region holds of streams that this one does not write.
    private func pull(_ engine: any LogEngine, from other: any LogEngine) async throws {
        for stream in other.state.streams.keys
        where engine.state.gate.writer(of: stream) != engine.state.region {
            let after = engine.state.position(of: stream).sequence
            let result = try await other.read(ReadQuery(stream: stream, after: after))
            let batch = ReceivedBatch(
                sender: other.state.region, logID: LogPlace.logID, stream: stream.text,
                entries: result.entries, after: after, through: result.through,
                compactedThrough: result.compactedThrough, purgedThrough: result.purgedThrough)
            _ = try await engine.apply(batch.validated())
        }
    }

    @Test("two Regions that are restored to one moment agree, each from its own backups")
    func regions() async throws {
        let place = try LogPlace()
        let stores = [place.store("a"), place.store("b", region: "eu-west-1")]
        let primary = try await place.primary(stores[0])
        let replica = try await successor(stores[1], of: primary)
        for number: Int64 in 1...12 {
            try await second(primary, UInt64(number), at: Self.second(number))
            try await LogPlace.append(
                replica, "session/\(number)", stream: .regional("eu-west-1"), domain: "session",
                at: Self.second(number) + 300_000)
            // What is written arrives some time later.
            if number % 2 == 0 {
                try await pull(replica, from: primary)
                try await pull(primary, from: replica)
            }
            if number % 4 == 0 {
                for (name, store) in zip(["a", "b"], stores) {
                    _ = try await LogTransfer(
                        store, now: { Self.second(number) + 500_000 }
                    ).backUp(to: place.series("backup-" + name), isWhole: false)
                }
            }
        }
        for number: Int64 in [2, 5, 8, 11] {
            var digests: [[LogDomainDigest]] = []
            for (name, store) in zip(["a", "b"], stores) {
                let target = place.store("restored-\(name)-\(number)", region: store.region)
                let plan = try place.series("backup-" + name).plan(
                    at: Self.second(number) + 400_000)
                _ = try await LogTransfer(target).restore(from: plan)
                let restored = try target.open()
                digests.append(live(restored.state))
                await restored.close()
            }
            #expect(digests[0] == digests[1])
            let control = digests[0].first { $0.stream == "control" }
            #expect(control?.sequence == UInt64(2 * number))
        }
        await primary.close()
        await replica.close()
    }

    // MARK: - Times

    @Test(
        "moments are read and written to the microsecond",
        arguments: [
            ("2026-02-03T04:05:06Z", 1_770_091_506_000_000),
            ("2026-02-03T04:05:06.5Z", 1_770_091_506_500_000),
            ("2026-02-03T04:05:06.000042Z", 1_770_091_506_000_042),
        ])
    func times(_ text: String, _ moment: Int64) {
        #expect(MomentText.microseconds(text) == moment)
        #expect(MomentText.microseconds(MomentText.text(moment)) == moment)
    }

    @Test(
        "what is no time is refused",
        arguments: [
            "", "yesterday", "2026-02-03", "2026-02-03T04:05:06", "2026-02-03T04:05:06.Z",
            "2026-02-03T04:05:06.1234567Z",
        ])
    func noTime(_ text: String) { #expect(MomentText.microseconds(text) == nil) }
}
