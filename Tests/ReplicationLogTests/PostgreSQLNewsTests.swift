import Contracts
import Foundation
import ReplicationLog
import Synchronization
import Testing

@Suite(
    "PostgreSQL engine: taking in what another coordinator has written",
    .enabled(if: PostgreSQLServer.isInstalled))
struct PostgreSQLNewsTests {
    /// Holds an engine's writer in its observer.
    private final class Gate: Sendable {
        private struct State {
            var isShut = false
            var isWaitedAt = false
        }

        private let state = Mutex(State())

        var isWaitedAt: Bool { state.withLock { $0.isWaitedAt } }

        func shut() { state.withLock { $0 = State(isShut: true) } }

        func open() { state.withLock { $0.isShut = false } }

        func pass() {
            while state.withLock({ state in
                state.isWaitedAt = state.isShut
                return state.isShut
            }) { usleep(1_000) }
        }
    }

    /// Two engines of one Region's log, and what the second is told: of regional entries a thousand more
    /// than the sequence.
    private struct Pair {
        let fixture: EngineFixture
        let first: PostgreSQLLogEngine
        let second: PostgreSQLLogEngine
        let gate = Gate()
        let told = Collected()
        /// Where the control stream stood each time.
        let heads = Collected()

        init() async throws {
            fixture = try EngineFixture(.postgresql)
            first = try fixture.openPostgreSQL()
            second = try fixture.openPostgreSQL()
            second.setCommitObserver { [gate, told, heads] entries, state in
                // Of the beginning of the log it may be told late.
                if !entries.isEmpty { gate.pass() }
                heads.add([state.position(of: .control).sequence])
                told.add(
                    entries.map { $0.stream == "control" ? $0.sequence : 1_000 + $0.sequence })
            }
            try await first.establish(Sample.identity())
        }

        /// From here on the second learns nothing more until the gate is opened: it is being told of an
        /// entry.
        func holdBack() async throws {
            gate.shut()
            _ = try await first.append(Sample.append([Sample.record(UUID().uuidString)]))
            try await until { gate.isWaitedAt }
        }

        func meet(at sequence: UInt64) async throws {
            try await until { second.state.position(of: .control).sequence >= sequence }
        }

        func until(_ condition: () -> Bool) async throws {
            let end = ContinuousClock.now + .seconds(8)
            while !condition(), .now < end { try await Task.sleep(for: .milliseconds(5)) }
            #expect(condition())
        }
    }

    private func code(_ body: () async throws -> Void) async -> LogError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? LogError)?.code
        }
    }

    @Test("what comes behind a damaged entry is not shown, nor is anything told twice")
    func damaged() async throws {
        let pair = try await Pair()
        try await pair.holdBack()
        let place = EntryPlace(stream: .control, sequence: 2)
        for key in ["b", "c"] {
            _ = try await pair.first.append(Sample.append([Sample.record(key)]))
        }
        _ = try await pair.first.append(
            Sample.append(
                [Sample.record("r")], stream: .regional(Sample.primary), domain: "session"))
        try await pair.fixture.spoil(2, in: pair.first)
        pair.gate.open()
        try await pair.until { pair.second.obstacle == place }
        for key in ["d", "e"] {
            let append = Sample.append([Sample.record(key)])
            #expect(await code { _ = try await pair.second.append(append) } == .checksumMismatch)
        }
        #expect(pair.second.state.position(of: .control).sequence == 1)
        #expect(pair.told.values.filter { $0 != 1_001 } == [1])
        #expect(pair.told.values.filter { $0 == 1_001 }.count <= 1)
        #expect(pair.first.state.position(of: .control).sequence == 3)
    }

    @Test("a coordinator mends the entry that it could not take in, and goes on")
    func mended() async throws {
        let pair = try await Pair()
        try await pair.holdBack()
        for key in ["b", "c"] {
            _ = try await pair.first.append(Sample.append([Sample.record(key)]))
        }
        _ = try await pair.first.append(
            Sample.append(
                [Sample.record("r")], stream: .regional(Sample.primary), domain: "session"))
        let entry = try #require(try await pair.first.entries(of: .control, at: [2]).first)
        try await pair.fixture.spoil(2, in: pair.first)
        pair.gate.open()
        let place = EntryPlace(stream: .control, sequence: 2)
        try await pair.until { pair.second.obstacle == place }
        try await pair.second.record([Sample.event("StorageDamaged")])
        #expect(try await pair.second.passOver(place) == false)
        #expect(try await pair.second.mend([entry]) == 1)
        try await pair.meet(at: 3)
        #expect(pair.second.obstacle == nil)
        _ = try await pair.second.append(Sample.append([Sample.record("d")], expected: 3))
        #expect(pair.told.values.filter { $0 < 1_000 } == [1, 2, 3, 4])
        #expect(pair.told.values.filter { $0 > 1_000 } == [1_001])
        try await pair.until { pair.first.state.position(of: .control).sequence == 4 }
        #expect(pair.first.state.digests == pair.second.state.digests)
        #expect(try await pair.first.verifyTrail().firstBrokenSequence == nil)
    }

    /// Another Region's log that takes over after sequence 2.
    private func successor(of engine: any LogEngine) async throws -> any LogEngine {
        let other = try EngineFixture(.memory).open(Sample.replica)
        try await other.establish(Sample.identity(region: Sample.replica))
        _ = try await other.apply(engine.batch(after: 0).validated())
        var take = Sample.append([Sample.record("who")], domain: "instance")
        take.succession = Succession(epoch: 2, primaryRegion: Sample.replica)
        _ = try await other.append(take)
        for key in ["w", "x", "y", "z"] {
            _ = try await other.append(Sample.append([Sample.record(key)]))
        }
        return other
    }

    private func follow(_ engine: any LogEngine, _ other: any LogEngine) async throws {
        let history = try #require(other.state.identity?.history)
        try await engine.amend(events: []) { identity, state in
            _ = identity.follow(history, head: state.position(of: .control).sequence)
        }
    }

    @Test("a fork that was taken back is told as such, also when the log has grown beyond it again")
    func cut() async throws {
        let pair = try await Pair()
        for key in ["a", "b"] {
            _ = try await pair.first.append(Sample.append([Sample.record(key)]))
        }
        let other = try await successor(of: pair.first)
        for key in ["c", "d"] {
            _ = try await pair.first.append(Sample.append([Sample.record(key)]))
        }
        try await pair.meet(at: 4)
        try await pair.holdBack()
        try await follow(pair.first, other)
        #expect(try await pair.first.cutFork())
        let batch = try await other.batch(after: 2, sender: Sample.replica)
        _ = try await pair.first.apply(batch.validated())
        pair.gate.open()
        try await pair.meet(at: 7)
        #expect(pair.told.values == [1, 2, 3, 4, 5, 3, 4, 5, 6, 7])
        let heads = pair.heads.values
        #expect(heads.lastIndex(of: 2).map { $0 > heads.firstIndex(of: 5) ?? .max } == true)
        #expect(pair.second.state.digests == pair.first.state.digests)
        #expect(pair.second.state.identity == pair.first.state.identity)
    }

    @Test("what one coordinator has taken back the other does not answer for any more")
    func forgotten() async throws {
        let pair = try await Pair()
        for key in ["a", "b"] {
            _ = try await pair.first.append(Sample.append([Sample.record(key)]))
        }
        let other = try await successor(of: pair.first)
        let request = Sample.append([Sample.record("c")], expected: 2, requestID: "r-1")
        let outcome = try await pair.first.append(request)
        try await pair.meet(at: 3)
        #expect(try await pair.second.append(request) == outcome)
        try await follow(pair.first, other)
        #expect(try await pair.first.cutFork())
        #expect(await code { _ = try await pair.second.append(request) } == .notPrimary)
        #expect(pair.second.state.position(of: .control).sequence == 2)
    }
}
