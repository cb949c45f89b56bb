import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf
import Testing

@Suite("Log engine: reading, applying, compacting")
struct LogEngineReplicationTests {
    private func code(_ body: () async throws -> Void) async -> LogError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? LogError)?.code
        }
    }

    /// A primary with 30 entries in commits of three, and a Region that has joined.
    private func pair(
        _ kind: EngineKind
    ) async throws -> (any LogEngine, any LogEngine, [EngineFixture]) {
        let fixtures = [try EngineFixture(kind), try EngineFixture(kind)]
        let primary = try await fixtures[0].primary()
        for commit in 0..<10 {
            let records = (0..<3).map { Sample.record("k\(commit)-\($0)") }
            _ = try await primary.append(Sample.append(records))
        }
        let replica = try fixtures[1].open(Sample.replica)
        try await replica.establish(Sample.identity(region: Sample.replica))
        return (primary, replica, fixtures)
    }

    @Test("batches end with a commit and lead to the head", arguments: EngineKind.allCases)
    func batches(_ kind: EngineKind) async throws {
        let (primary, _, _) = try await pair(kind)
        var after: UInt64 = 0
        var count = 0
        while true {
            let result = try await primary.read(
                ReadQuery(stream: .control, after: after, entriesMax: 4))
            #expect(result.through.sequence % 3 == 0)
            #expect(result.entries.count <= 6)
            count += result.entries.count
            after = result.through.sequence
            if result.isAtHead { break }
        }
        #expect(count == 30)
        #expect(after == 30)
    }

    @Test("a read of some domains moves past the others", arguments: EngineKind.allCases)
    func filtered(_ kind: EngineKind) async throws {
        let (primary, _, _) = try await pair(kind)
        _ = try await primary.append(
            Sample.append([Sample.record("p")], domain: "permission"))
        let result = try await primary.read(
            ReadQuery(stream: .control, after: 0, domains: ["permission"]))
        #expect(result.entries.map(\.key) == ["p"])
        #expect(result.through.sequence == 31)
        let none = try await primary.read(
            ReadQuery(stream: .control, after: 0, domains: ["session"]))
        #expect(none.entries.isEmpty)
        #expect(none.through.sequence == 31)
    }

    @Test(
        "several batches at once are as good as one after the other", arguments: EngineKind.allCases
    )
    func together(_ kind: EngineKind) async throws {
        let fixtures = [try EngineFixture(kind), try EngineFixture(kind)]
        let primary = try await fixtures[0].primary()
        for number in 0..<12 {
            _ = try await primary.append(
                Sample.append([Sample.record("k\(number % 5)", UInt64(number + 1))]))
        }
        let replica = try fixtures[1].open(Sample.replica)
        try await replica.establish(Sample.identity(region: Sample.replica))
        var batches: [ValidatedBatch] = []
        for after in 0..<12 as Range<UInt64> {
            batches.append(try await primary.batch(after: after, entriesMax: 1).validated())
        }
        let positions = try await replica.apply(Array(batches[..<6]))
        #expect(positions.map(\.sequence) == [1, 2, 3, 4, 5, 6])
        // A gap: what comes before it is stored, the rest is not.
        await #expect(throws: LogError.self) {
            _ = try await replica.apply([batches[6], batches[8], batches[9]])
        }
        #expect(replica.state.position(of: .control).sequence == 7)
        #expect(try await replica.apply(Array(batches[5...])).last?.sequence == 12)
        #expect(try await replica.apply([] as [ValidatedBatch]).isEmpty)
        #expect(replica.state.digests == primary.state.digests)
        await primary.close()
        await replica.close()
    }

    @Test("a replica that applies all batches is equal", arguments: EngineKind.allCases)
    func copies(_ kind: EngineKind) async throws {
        let (primary, replica, _) = try await pair(kind)
        var after: UInt64 = 0
        while after < 30 {
            let batch = try await primary.batch(after: after, entriesMax: 5)
            after = try await replica.apply(batch.validated()).sequence
        }
        #expect(replica.state.digests == primary.state.digests)
        #expect(replica.state.heads == primary.state.heads)
    }

    @Test(
        "a batch applied twice, or overlapping what is held, changes nothing",
        arguments: EngineKind.allCases)
    func idempotent(_ kind: EngineKind) async throws {
        let (primary, replica, _) = try await pair(kind)
        let first = try await primary.batch(after: 0, entriesMax: 5)
        _ = try await replica.apply(first.validated())
        let held = replica.state.digests
        _ = try await replica.apply(first.validated())
        #expect(replica.state.digests == held)
        _ = try await replica.apply(try await primary.batch(after: 0).validated())
        #expect(replica.state.digests == primary.state.digests)
        #expect(try await replica.read(ReadQuery(stream: .control, after: 0)).entries.count == 30)
    }

    @Test(
        "a lost batch, another log, another sender and a stale reign are refused",
        arguments: EngineKind.allCases)
    func refused(_ kind: EngineKind) async throws {
        let (primary, replica, _) = try await pair(kind)
        let late = try await primary.batch(after: 6)
        #expect(await code { _ = try await replica.apply(late.validated()) } == .gap)
        let good = try await primary.batch(after: 0)
        let other = try good.with(logID: "other").validated()
        #expect(await code { _ = try await replica.apply(other) } == .logMismatch)
        let stranger = try good.with(sender: "us-east-1").validated()
        #expect(await code { _ = try await replica.apply(stranger) } == .wrongWriter)
        let future = try good.with(
            through: .with {
                $0.stream = "control"
                $0.sequence = 30
                $0.epoch = 7
            }
        ).validated()
        #expect(await code { _ = try await replica.apply(future) } == .epochUnknown)
        #expect(replica.state.heads.isEmpty)
    }

    @Test(
        "the compacted log copies to an equal state, with holes only where it says",
        arguments: EngineKind.allCases)
    func compaction(_ kind: EngineKind) async throws {
        let (primary, replica, _) = try await pair(kind)
        for version in 2...5 as ClosedRange<UInt64> {
            _ = try await primary.append(Sample.append([Sample.record("k0-0", version, "new")]))
        }
        _ = try await primary.append(Sample.append([Sample.tombstone("k1-1", 2)]))
        let digests = primary.state.digests
        let outcome = try await primary.compact(
            CompactionRequest(stream: .control, through: .max, tombstonesBeforeMicroseconds: nil))
        #expect(outcome.removed == 5)
        #expect(!outcome.hasMore)
        #expect(primary.state.digests == digests)
        #expect(primary.state.streams[.control]?.entries == 30)
        _ = try await replica.apply(try await primary.batch(after: 0).validated())
        #expect(replica.state.digests == digests)
    }

    @Test("nothing goes that the slowest replica has not applied", arguments: EngineKind.allCases)
    func slowest(_ kind: EngineKind) async throws {
        let (primary, replica, _) = try await pair(kind)
        _ = try await replica.apply(try await primary.batch(after: 0).validated())
        _ = try await primary.append(Sample.append([Sample.record("k0-0", 2)]))
        _ = try await primary.append(Sample.append([Sample.record("k0-0", 3)]))
        let outcome = try await primary.compact(
            CompactionRequest(stream: .control, through: 30, tombstonesBeforeMicroseconds: nil))
        #expect(outcome.removed == 0)
        _ = try await replica.apply(try await primary.batch(after: 30).validated())
        #expect(replica.state.digests == primary.state.digests)
    }

    @Test(
        "who was away for longer than tombstones are kept is told to copy again",
        arguments: EngineKind.allCases)
    func horizon(_ kind: EngineKind) async throws {
        let (primary, replica, _) = try await pair(kind)
        _ = try await replica.apply(try await primary.batch(after: 0).validated())
        _ = try await primary.append(Sample.append([Sample.tombstone("k0-0", 2)]))
        _ = try await primary.append(Sample.append([Sample.record("later")]))
        let outcome = try await primary.compact(
            CompactionRequest(
                stream: .control, through: .max, tombstonesBeforeMicroseconds: Sample.now + 1))
        #expect(outcome.removed == 2)
        #expect(await code { _ = try await primary.batch(after: 30) } == .positionExpired)
        let fresh = try await primary.batch(after: 0)
        #expect(!fresh.entries.contains { $0.key == "k0-0" })
        #expect(await code { _ = try await primary.batch(after: 31) } == nil)
    }

    @Test("a reader ahead of the log is refused", arguments: EngineKind.allCases)
    func ahead(_ kind: EngineKind) async throws {
        let (primary, _, _) = try await pair(kind)
        #expect(await code { _ = try await primary.batch(after: 31) } == .logMismatch)
    }

    @Test("leaving drops the log and keeps the trail", arguments: EngineKind.allCases)
    func leaving(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        var engine = try await fixture.primary()
        _ = try await engine.append(
            Sample.append([Sample.record("a")], events: [Sample.event("CreateUser")]))
        try await engine.wipe(events: [Sample.event("LeaveInstance")])
        for _ in 0..<2 {
            #expect(engine.state.identity == nil)
            #expect(engine.state.heads.isEmpty)
            let names = try await engine.trail(after: 0, limit: 10).map(\.event.eventName)
            #expect(names == ["CreateUser", "LeaveInstance"])
            await engine.close()
            engine = try fixture.open()
        }
        try await engine.establish(Sample.identity(logID: "another"))
        let first = try await engine.append(Sample.append([Sample.record("a")], expected: 0))
        #expect(first.position.sequence == 1)
    }

    @Test("another log and an earlier reign are not taken on", arguments: EngineKind.allCases)
    func identity(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try fixture.open()
        try await engine.establish(Sample.identity(epoch: 2))
        let other = await code { try await engine.establish(Sample.identity(logID: "other")) }
        #expect(other == .logMismatch)
        let earlier = await code { try await engine.establish(Sample.identity(epoch: 1)) }
        #expect(earlier == .epochStale)
    }

    @Test(
        "a dropped stream can be copied again; one written here cannot be dropped",
        arguments: EngineKind.allCases)
    func drop(_ kind: EngineKind) async throws {
        let (primary, replica, _) = try await pair(kind)
        _ = try await replica.apply(try await primary.batch(after: 0).validated())
        #expect(await code { try await primary.drop(.control) } == .wrongWriter)
        try await replica.drop(.control)
        #expect(replica.state.heads.isEmpty)
        _ = try await replica.apply(try await primary.batch(after: 0).validated())
        #expect(replica.state.digests == primary.state.digests)
    }

    @Test("acknowledged positions are kept and forgotten", arguments: EngineKind.allCases)
    func acknowledgements(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        var engine = try await fixture.primary()
        let position = LogPosition.with {
            $0.stream = "control"
            $0.sequence = 7
        }
        try await engine.acknowledge(
            region: Sample.replica, positions: [position], at: Sample.now)
        await engine.close()
        engine = try fixture.open()
        #expect(try await engine.acknowledged() == [Sample.replica: [.control: 7]])
        try await engine.forget(region: Sample.replica)
        #expect(try await engine.acknowledged().isEmpty)
    }

    @Test(
        "the newest entries of a domain are listed by key, without the deleted",
        arguments: EngineKind.allCases)
    func snapshot(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        _ = try await engine.append(
            Sample.append([Sample.record("b"), Sample.record("a"), Sample.record("c")]))
        _ = try await engine.append(
            Sample.append([Sample.record("a", 2, "new"), Sample.tombstone("c", 2)]))
        let entries = try await engine.snapshot(
            stream: .control, domain: "directory", keyPrefix: "")
        #expect(entries.map(\.key) == ["a", "b"])
        #expect(entries.first?.value == Data("new".utf8))
    }
}
