import Contracts
import Foundation
import ReplicationLog
import Testing

@Suite(
    "PostgreSQL engine: several coordinators over one database",
    .enabled(if: PostgreSQLServer.isInstalled))
struct PostgreSQLSharedTests {
    /// Two engines of one Region's log, each with what its observer has seen.
    private func pair() async throws -> (
        [PostgreSQLLogEngine], [Collected], EngineFixture
    ) {
        let fixture = try EngineFixture(.postgresql)
        let engines = [try fixture.openPostgreSQL(), try fixture.openPostgreSQL()]
        let seen = [Collected(), Collected()]
        for (engine, seen) in zip(engines, seen) {
            engine.setCommitObserver { entries, _ in seen.add(entries.map(\.sequence)) }
        }
        try await engines[0].establish(Sample.identity())
        return (engines, seen, fixture)
    }

    private func meet(
        _ engine: any LogEngine, at sequence: UInt64, within seconds: Double = 5
    ) async throws {
        let end = ContinuousClock.now.advanced(by: .seconds(seconds))
        while engine.state.position(of: .control).sequence < sequence, .now < end {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test("each sees the other's commits, once and in order")
    func observed() async throws {
        let (engines, seen, _) = try await pair()
        await withTaskGroup(of: Void.self) { group in
            for (number, engine) in engines.enumerated() {
                for index in 0..<60 {
                    group.addTask {
                        let record = Sample.record("\(number)-\(index)")
                        _ = try? await engine.append(Sample.append([record]))
                    }
                }
            }
        }
        for engine in engines { try await meet(engine, at: 120) }
        try await engines[0].record([])
        #expect(engines[0].state.position(of: .control).sequence == 120)
        #expect(engines[1].state.digests == engines[0].state.digests)
        #expect(seen[0].values == Array(1...120))
        #expect(seen[1].values == Array(1...120))
    }

    @Test("of two coordinators' callers with the same view one wins, each time")
    func compareAndAppend() async throws {
        let (engines, _, _) = try await pair()
        let won = Shared<[UInt64]>([])
        await withTaskGroup(of: Void.self) { group in
            for engine in engines {
                for caller in 0..<4 {
                    group.addTask {
                        for round in 0..<20 {
                            let last = engine.state.streams[.control]?.domains["directory"]
                            let expected = last?.lastSequence ?? 0
                            let key = "\(caller)-\(round)-\(UUID().uuidString)"
                            let outcome = try? await engine.append(
                                Sample.append([Sample.record(key)], expected: expected))
                            if outcome != nil { won.withLock { $0.append(expected) } }
                        }
                    }
                }
            }
        }
        let expectations = won.withLock { $0.sorted() }
        #expect(Set(expectations).count == expectations.count)
        let head = UInt64(expectations.count)
        for engine in engines { try await meet(engine, at: head) }
        #expect(engines[1].state.position(of: .control).sequence == head)
        #expect(engines[0].state.digests == engines[1].state.digests)
    }

    @Test("a request repeated at the other coordinator answers like the first")
    func repeats() async throws {
        let (engines, _, _) = try await pair()
        let command = Sample.append(
            [Sample.record("a"), Sample.record("b")], expected: 0, requestID: "r-1")
        let first = try await engines[0].append(command)
        #expect(try await engines[1].append(command) == first)
        #expect(engines[1].state.position(of: .control).sequence == 2)
    }

    @Test("a reign that one coordinator has ended is over for the other at its next write")
    func fenced() async throws {
        let (engines, _, _) = try await pair()
        _ = try await engines[1].append(Sample.append([Sample.record("a")]))
        try await engines[0].establish(
            Sample.identity(primary: Sample.replica, epoch: 2))
        let error = await #expect(throws: LogError.self) {
            try await engines[1].append(Sample.append([Sample.record("b")]))
        }
        #expect(error?.code == .notPrimary)
        #expect(engines[1].state.position(of: .control).sequence == 1)
    }

    @Test("a stream dropped and copied again by one reads as new at the other")
    func recopied() async throws {
        let source = try await EngineFixture(.sqlite).primary()
        for index in 0..<10 {
            _ = try await source.append(Sample.append([Sample.record("k\(index)")]))
        }
        let fixture = try EngineFixture(.postgresql)
        let first = try fixture.openPostgreSQL(Sample.replica)
        let second = try fixture.openPostgreSQL(Sample.replica)
        let seen = Collected()
        second.setCommitObserver { entries, state in
            if state.streams[.control] == nil { seen.add([0]) }
            seen.add(entries.map(\.sequence))
        }
        try await first.establish(Sample.identity(region: Sample.replica))
        _ = try await first.apply(try await source.batch(after: 0).validated())
        try await meet(second, at: 10)
        try await first.drop(.control)
        _ = try await first.apply(try await source.batch(after: 0).validated())
        try await second.record([Sample.event("Look")])
        try await meet(second, at: 10)
        #expect(second.state.digests == source.state.digests)
        let values = seen.values
        let again = values.lastIndex(of: 0).map { Array(values[($0 + 1)...]) }
        #expect(again == Array(1...10))
    }

    @Test("the trail of two coordinators is one chain")
    func trail() async throws {
        let (engines, _, _) = try await pair()
        await withTaskGroup(of: Void.self) { group in
            for engine in engines {
                for index in 0..<30 {
                    group.addTask { try? await engine.record([Sample.event("E\(index)")]) }
                }
            }
        }
        let verdict = try await engines[0].verifyTrail()
        #expect(verdict.firstBrokenSequence == nil)
        #expect(verdict.events == 60)
    }

    @Test("one of the coordinators leads, and another takes over when it is gone")
    func leading() async throws {
        let (engines, _, _) = try await pair()
        func leaders() -> [Bool] { engines.map(\.leads) }
        let end = ContinuousClock.now.advanced(by: .seconds(4))
        while !leaders().contains(true), .now < end {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(leaders().filter { $0 }.count == 1)
        let leader = leaders()[0] ? 0 : 1
        await engines[leader].close()
        let later = ContinuousClock.now.advanced(by: .seconds(10))
        while !engines[1 - leader].leads, .now < later {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(engines[1 - leader].leads)
    }

    @Test("a file that one coordinator keeps is the same at the other, and is kept once")
    func files() async throws {
        let (engines, _, _) = try await pair()
        let parts = [Data("one\n".utf8), Data(repeating: 0xFF, count: 300_000), Data("end".utf8)]
        for _ in 0..<2 {
            let left = Shared(parts)
            try await engines[0].keepFile("epoch-1-2-3.jsonl") {
                left.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            }
        }
        #expect(try await engines[1].keptFiles() == ["epoch-1-2-3.jsonl"])
        let read = Shared(Data())
        try await engines[1].readFile("epoch-1-2-3.jsonl") { part in
            read.withLock { $0 += part }
        }
        #expect(read.withLock { $0 } == parts.reduce(Data(), +))
        let nothing = Shared(0)
        try await engines[1].readFile("unknown") { _ in nothing.withLock { $0 += 1 } }
        #expect(nothing.withLock { $0 } == 0)
    }

    @Test("a database of before files were kept gets what is missing")
    func older() async throws {
        let (engines, _, fixture) = try await pair()
        for engine in engines { await engine.close() }
        let server = try #require(PostgreSQLServer.shared)
        try server.run(sql: "DROP TABLE \(fixture.schema).files")
        let again = try fixture.openPostgreSQL()
        #expect(try await again.keptFiles().isEmpty)
        await again.close()
    }
}
