import Contracts
import Foundation
import ReplicationLog
import Testing

@Suite(
    "PostgreSQL engine: storage faults", .serialized,
    .enabled(if: PostgreSQLServer.isInstalled))
struct PostgreSQLFaultTests {
    private func code(_ body: () async throws -> Void) async -> LogError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? LogError)?.code
        }
    }

    private func open(
        _ settings: PostgreSQLSettings, establish: Bool = true
    ) async throws -> PostgreSQLLogEngine {
        let engine = try PostgreSQLLogEngine(settings, region: Sample.primary)
        if establish { try await engine.establish(Sample.identity()) }
        return engine
    }

    /// Appends from several callers while `disturb` runs. Returns the keys that were acknowledged.
    private func load(
        _ engines: [PostgreSQLLogEngine], while disturb: @Sendable @escaping () async throws -> Void
    ) async throws -> Set<String> {
        let acknowledged = Shared<Set<String>>([])
        let isOver = Shared(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, engine) in engines.enumerated() {
                for caller in 0..<8 {
                    group.addTask {
                        var index = 0
                        while !isOver.withLock({ $0 }) {
                            let key = "\(number)-\(caller)-\(index)"
                            index += 1
                            let command = Sample.append(
                                [Sample.record(key)], requestID: key,
                                events: [Sample.event("E")])
                            if (try? await engine.append(command)) != nil {
                                acknowledged.withLock { _ = $0.insert(key) }
                            }
                        }
                    }
                }
            }
            group.addTask {
                defer { isOver.withLock { $0 = true } }
                try await disturb()
            }
            try await group.waitForAll()
        }
        return acknowledged.withLock { $0 }
    }

    /// Every acknowledged key is there once; nothing is there twice; the chains hold.
    private func check(
        _ engine: PostgreSQLLogEngine, _ acknowledged: Set<String>
    ) async throws {
        var keys: [String] = []
        var after: UInt64 = 0
        while true {
            let result = try await engine.read(ReadQuery(stream: .control, after: after))
            keys += result.entries.map(\.key)
            after = result.through.sequence
            if result.isAtHead { break }
        }
        #expect(Set(keys).count == keys.count)
        #expect(acknowledged.subtracting(keys).isEmpty)
        #expect(acknowledged.count > 50)
        #expect(keys.count == Int(after))
        let verdict = try await engine.verifyTrail()
        #expect(verdict.firstBrokenSequence == nil)
        #expect(verdict.events == UInt64(keys.count))
    }

    @Test("sessions that are cut off in the midst lose nothing that was acknowledged")
    func terminated() async throws {
        let server = try PostgreSQLServer("terminated")
        defer { server.end() }
        let settings = server.settings(schema: "terminated")
        let engines = [try await open(settings), try await open(settings, establish: false)]
        let acknowledged = try await load(engines) {
            for _ in 0..<12 {
                try await Task.sleep(for: .milliseconds(60))
                try server.run(
                    sql: """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE application_name = 'portolan'
                        """)
            }
            try await Task.sleep(for: .milliseconds(500))
        }
        try await check(engines[0], acknowledged)
        try await check(engines[1], acknowledged)
        for engine in engines { await engine.close() }
    }

    @Test("a server that dies at once and starts again loses nothing, and writes go on")
    func crashed() async throws {
        let server = try PostgreSQLServer("crash")
        defer { server.end() }
        let engines = [
            try await open(server.settings(schema: "crashed")),
            try await open(server.settings(schema: "crashed"), establish: false),
        ]
        let acknowledged = try await load(engines) {
            for _ in 0..<2 {
                try await Task.sleep(for: .milliseconds(400))
                try server.stopImmediately()
                try await Task.sleep(for: .milliseconds(200))
                try server.start()
            }
            try await Task.sleep(for: .milliseconds(1_000))
        }
        try await check(engines[0], acknowledged)
        try await check(engines[1], acknowledged)
        let last = try await engines[1].append(Sample.append([Sample.record("last")]))
        #expect(last.position.sequence > 0)
        for engine in engines { await engine.close() }
    }

    @Test("a database that cannot be reached is said so within the bound")
    func unreachable() async throws {
        let server = try PostgreSQLServer("away")
        var settings = server.settings(schema: "away")
        settings.writeMax = .milliseconds(700)
        let engine = try await open(settings)
        server.end()
        let start = ContinuousClock.now
        let refused = await code {
            _ = try await engine.append(Sample.append([Sample.record("a")]))
        }
        #expect(refused == .storageFailed)
        #expect(start.duration(to: .now) < .seconds(4))
        #expect(
            await code { _ = try await engine.read(ReadQuery(stream: .control, after: 0)) }
                == .storageFailed)
        await engine.close()
    }

    @Test("a bit flipped in the database is noticed when it is read")
    func damaged() async throws {
        let server = try #require(PostgreSQLServer.shared)
        let engine = try await open(server.settings(schema: "damaged"))
        _ = try await engine.append(Sample.append([Sample.record("a", 1, "value")]))
        try server.run(sql: "UPDATE damaged.entries SET value = 'valuf'")
        let found = await code {
            _ = try await engine.read(ReadQuery(stream: .control, after: 0))
        }
        #expect(found == .checksumMismatch)
        await engine.close()
    }

    @Test("a database that has gone back takes no writes from who has seen more")
    func wentBack() async throws {
        let server = try #require(PostgreSQLServer.shared)
        let engine = try await open(server.settings(schema: "back"))
        _ = try await engine.append(Sample.append([Sample.record("a")]))
        try server.run(sql: "CREATE TABLE back.kept AS SELECT * FROM back.head")
        _ = try await engine.append(Sample.append([Sample.record("b")]))
        try server.run(
            sql: """
                UPDATE back.head h SET revision = k.revision, mark = k.mark FROM back.kept k;
                DELETE FROM back.entries WHERE key = 'b'; UPDATE back.streams SET head = 1;
                """)
        let refused = await code {
            _ = try await engine.append(Sample.append([Sample.record("c")]))
        }
        #expect(refused == .storageFailed)
        await engine.close()
    }

    @Test("a full disk and a missing right are told apart from a lost connection")
    func refusals() async throws {
        let server = try #require(PostgreSQLServer.shared)
        let engine = try await open(server.settings(schema: "refusals"))
        try server.run(
            sql: """
                CREATE FUNCTION refusals.full() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$;
                CREATE TRIGGER full_disk BEFORE INSERT ON refusals.entries
                EXECUTE FUNCTION refusals.full();
                """)
        let command = Sample.append([Sample.record("a")], events: [Sample.event("E")])
        #expect(await code { _ = try await engine.append(command) } == .storageFull)
        #expect(try await engine.trail(after: 0, limit: 10).isEmpty)
        try server.run(sql: "DROP TRIGGER full_disk ON refusals.entries")
        #expect(try await engine.append(command).position.sequence == 1)
        await engine.close()
        var settings = server.settings(schema: "refusals")
        settings.user = "nobody_known"
        let denied = await code { _ = try PostgreSQLLogEngine(settings, region: Sample.primary) }
        #expect(denied == .storageFailed)
    }

    @Test("no password and no value is part of an error's text")
    func secrets() async throws {
        var settings = PostgreSQLSettings(
            hosts: ["127.0.0.1"], port: 1, database: "d", user: "u", password: "secret-word",
            sslMode: "disable")
        settings.connectMax = .seconds(2)
        let error = #expect(throws: LogError.self) {
            _ = try PostgreSQLLogEngine(settings, region: Sample.primary)
        }
        let text = error.map { "\($0) \(String(reflecting: $0))" } ?? ""
        #expect(!text.isEmpty && !text.contains("secret-word"))
    }
}
