import Contracts
import Foundation
import GRDB
import Testing

@testable import ReplicationLog

@Suite("SQLite engine: storage faults")
struct SQLiteFaultTests {
    private func code(_ body: () async throws -> Void) async -> LogError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? LogError)?.code
        }
    }

    private func engine(_ fixture: EngineFixture) async throws -> SQLiteLogEngine {
        let engine = try SQLiteLogEngine(path: fixture.path, region: Sample.primary)
        try await engine.establish(Sample.identity())
        return engine
    }

    @Test("a full disk refuses whole appends, and they work again when there is room")
    func full() async throws {
        let fixture = try EngineFixture(.sqlite)
        let engine = try await engine(fixture)
        _ = try await engine.append(Sample.append([Sample.record("a")]))
        let pages = try await engine.pool.write { db in
            try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
        }
        try await engine.pool.write { try $0.execute(sql: "PRAGMA max_page_count = \(pages + 2)") }
        let before = engine.state
        let big = (0..<100).map {
            Sample.record("big\($0)", 1, String(repeating: "x", count: 4_000))
        }
        let command = Sample.append(big, requestID: "r", events: [Sample.event("Big")])
        #expect(await code { _ = try await engine.append(command) } == .storageFull)
        #expect(engine.state.heads == before.heads)
        #expect(try await engine.trail(after: 0, limit: 10).isEmpty)
        try await engine.pool.write { try $0.execute(sql: "PRAGMA max_page_count = 1000000") }
        #expect(try await engine.append(command).position.sequence == 101)
        #expect(try await engine.trail(after: 0, limit: 10).count == 1)
    }

    @Test("a read-only store says so and can still be read")
    func readOnly() async throws {
        let fixture = try EngineFixture(.sqlite)
        let engine = try await engine(fixture)
        _ = try await engine.append(Sample.append([Sample.record("a")]))
        try await engine.pool.writeWithoutTransaction {
            try $0.execute(sql: "PRAGMA query_only = 1")
        }
        let refused = await code {
            _ = try await engine.append(Sample.append([Sample.record("b")]))
        }
        #expect(refused == .storageReadOnly)
        #expect(try await engine.read(ReadQuery(stream: .control, after: 0)).entries.count == 1)
        try await engine.pool.writeWithoutTransaction {
            try $0.execute(sql: "PRAGMA query_only = 0")
        }
        #expect(try await engine.append(Sample.append([Sample.record("b")])).position.sequence == 2)
    }

    @Test("a directory that is not there is refused at once")
    func missing() async throws {
        let code = await code {
            _ = try SQLiteLogEngine(path: "/nonexistent/log.sqlite", region: Sample.primary)
        }
        #expect(code == .storageReadOnly)
    }

    @Test("a bit flipped on disk is noticed when it is read")
    func damaged() async throws {
        let fixture = try EngineFixture(.sqlite)
        let engine = try await engine(fixture)
        _ = try await engine.append(Sample.append([Sample.record("a", 1, "value")]))
        try await engine.pool.write {
            try $0.execute(sql: "UPDATE entries SET value = CAST('valuf' AS BLOB)")
        }
        let found = await code { _ = try await engine.read(ReadQuery(stream: .control, after: 0)) }
        #expect(found == .checksumMismatch)
    }

    @Test("the write-ahead log begins anew while appends go on, also beside a reader")
    func checkpoints() async throws {
        let fixture = try EngineFixture(.sqlite)
        let engine = try SQLiteLogEngine(
            path: fixture.path, region: Sample.primary, checkpointPages: 100)
        try await engine.establish(Sample.identity())
        let text = String(repeating: "x", count: 3_000)
        for round in 0..<400 {
            _ = try await engine.append(
                Sample.append((0..<10).map { Sample.record("\(round)/\($0)", 1, text) }))
        }
        let wal = try FileManager.default.attributesOfItem(atPath: fixture.path + "-wal")
        let size = try #require(wal[.size] as? Int)
        // All in all 20 MB and more went through it.
        #expect(size < 10 << 20)
        await engine.close()
        let again = try SQLiteLogEngine(path: fixture.path, region: Sample.primary)
        #expect(again.state.digests == engine.state.digests)
        #expect(try await again.read(ReadQuery(stream: .control, after: 0)).entries.count > 100)
        await again.close()
    }

    @Test("an acknowledged append is flushed: the writer runs with synchronous=FULL")
    func synchronous() async throws {
        let fixture = try EngineFixture(.sqlite)
        let engine = try await engine(fixture)
        let mode = try await engine.pool.writeWithoutTransaction {
            try Int.fetchOne($0, sql: "PRAGMA synchronous")
        }
        #expect(mode == 2)
    }

    @Test("a killed process leaves files that hold all it had acknowledged, and its trail")
    func killed() async throws {
        let fixture = try EngineFixture(.sqlite)
        let left = try EngineFixture(.sqlite)
        let engine = try await engine(fixture)
        for index in 0..<50 {
            _ = try await engine.append(
                Sample.append(
                    [Sample.record("k\(index % 9)", UInt64(index + 1))],
                    events: [Sample.event("E\(index)")]))
        }
        // What is in the files now is what a kill would leave: the log is not closed.
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(
                atPath: fixture.path + suffix, toPath: left.path + suffix)
        }
        let reopened = try SQLiteLogEngine(path: left.path, region: Sample.primary)
        #expect(reopened.state.heads == engine.state.heads)
        #expect(reopened.state.digests == engine.state.digests)
        let verdict = try await reopened.verifyTrail()
        #expect(verdict.events == 50)
        #expect(verdict.firstBrokenSequence == nil)
        _ = try await reopened.append(Sample.append([Sample.record("next")]))
    }

    @Test("a failing operation does not take the others of its group with it")
    func group() async throws {
        let fixture = try EngineFixture(.sqlite)
        let engine = try await engine(fixture)
        struct Fault: Error {}
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let refused = await code {
                    try await engine.write(weight: 1) { transaction in
                        transaction.noteWrite()
                        throw Fault()
                    }
                }
                #expect(refused == .storageFailed)
            }
            for index in 0..<10 {
                group.addTask {
                    _ = try? await engine.append(Sample.append([Sample.record("k\(index)")]))
                }
            }
        }
        #expect(engine.state.position(of: .control).sequence == 10)
    }
}
