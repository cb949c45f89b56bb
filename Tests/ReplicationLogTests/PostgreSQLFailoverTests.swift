import Contracts
import Foundation
import ReplicationLog
import Testing

@Suite(
    "PostgreSQL engine: failover between two servers",
    .enabled(if: PostgreSQLServer.isInstalled))
struct PostgreSQLFailoverTests {
    /// A primary and its synchronous standby.
    private struct Pair {
        let primary: PostgreSQLServer
        let standby: PostgreSQLServer

        init(_ name: String) throws {
            primary = try PostgreSQLServer(name + "-1")
            standby = try PostgreSQLServer(name + "-2", standbyOf: primary)
        }

        var settings: PostgreSQLSettings {
            var settings = primary.settings(schema: "failover")
            settings.hosts = [primary.directory, standby.directory]
            settings.writeMax = .seconds(4)
            settings.confirmMax = .seconds(1)
            return settings
        }

        func end() {
            primary.end()
            standby.end()
        }
    }

    private func open(_ pair: Pair, establish: Bool) async throws -> PostgreSQLLogEngine {
        let engine = try PostgreSQLLogEngine(pair.settings, region: Sample.primary)
        if establish { try await engine.establish(Sample.identity()) }
        return engine
    }

    private func keys(_ engine: PostgreSQLLogEngine) async throws -> [String] {
        try await engine.read(ReadQuery(stream: .control, after: 0)).entries.map(\.key)
    }

    /// Appends until it is taken, as a caller does.
    private func insist(_ engine: PostgreSQLLogEngine, _ key: String) async throws {
        for _ in 0..<8 {
            let command = Sample.append([Sample.record(key)], requestID: key)
            if (try? await engine.append(command)) != nil { return }
        }
        Issue.record("\(key) is not taken")
    }

    @Test("what only the lost server has committed is acknowledged and shown by nobody")
    func lostWithTheServer() async throws {
        let pair = try Pair("lost")
        defer { pair.end() }
        let engine = try await open(pair, establish: true)
        _ = try await engine.append(Sample.append([Sample.record("a")]))
        try pair.standby.stopImmediately()
        // On its way to the standby, the commit is in the primary's own log.
        let append = Task { try await engine.append(Sample.append([Sample.record("b")])) }
        try await Task.sleep(for: .milliseconds(500))
        try pair.primary.stopImmediately()
        try pair.primary.start()
        #expect(
            try pair.primary.run(sql: "SELECT count(*) FROM failover.entries")
                .trimmingCharacters(in: .newlines) == "2")
        let outcome = await append.result
        #expect(throws: LogError.self) { try outcome.get() }
        #expect(engine.state.position(of: .control).sequence == 1)
        try pair.primary.stopImmediately()
        try pair.standby.start()
        try pair.standby.promote()
        try await insist(engine, "c")
        #expect(try await keys(engine) == ["a", "c"])
        await engine.close()
    }

    @Test("a former primary that still takes itself for one is left by all coordinators")
    func formerPrimary() async throws {
        let pair = try Pair("former")
        defer { pair.end() }
        let engines = [
            try await open(pair, establish: true), try await open(pair, establish: false),
        ]
        try await insist(engines[0], "a")
        try await insist(engines[1], "b")
        #expect(try await keys(engines[1]) == ["a", "b"])
        // Nobody has stopped the old one: sessions there go on, and new ones are let in.
        try pair.standby.promote()
        try await insist(engines[0], "c")
        try await insist(engines[1], "d")
        try await insist(engines[0], "e")
        let there = try pair.standby.run(sql: "SELECT count(*) FROM failover.entries")
        #expect(there.trimmingCharacters(in: .newlines) == "5")
        for engine in engines {
            #expect(try await keys(engine) == ["a", "b", "c", "d", "e"])
            #expect(engine.state.position(of: .control).sequence >= 4)
        }
        try pair.primary.stopImmediately()
        try pair.primary.start()
        try await insist(engines[1], "f")
        #expect(try await keys(engines[0]).count == 6)
        for engine in engines { await engine.close() }
        let third = try await open(pair, establish: false)
        #expect(third.state.position(of: .control).sequence == 6)
        await third.close()
    }

    @Test(
        "while the standby is away a write is not acknowledged, and it is not lost when it returns")
    func standbyAway() async throws {
        let pair = try Pair("away-standby")
        defer { pair.end() }
        let engine = try await open(pair, establish: true)
        try await insist(engine, "a")
        try pair.standby.stopImmediately()
        await #expect(throws: LogError.self) {
            _ = try await engine.append(Sample.append([Sample.record("b")], requestID: "b"))
        }
        try pair.standby.start()
        try await insist(engine, "b")
        try await insist(engine, "c")
        #expect(try await keys(engine) == ["a", "b", "c"])
        await engine.close()
    }

    @Test("a coordinator that only reads does not stay behind at a former primary")
    func readsOnly() async throws {
        let pair = try Pair("reads")
        defer { pair.end() }
        let engines = [
            try await open(pair, establish: true), try await open(pair, establish: false),
        ]
        try await insist(engines[0], "a")
        #expect(try await keys(engines[1]) == ["a"])
        try pair.standby.promote()
        try await insist(engines[0], "b")
        let end = ContinuousClock.now.advanced(by: .seconds(15))
        while engines[1].state.position(of: .control).sequence < 2, .now < end {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(engines[1].state.position(of: .control).sequence == 2)
        #expect(try await keys(engines[1]) == ["a", "b"])
        for engine in engines { await engine.close() }
    }

    @Test("a coordinator waits for a database that starts after it")
    func startedLater() async throws {
        let server = try PostgreSQLServer("later")
        defer { server.end() }
        try server.stopImmediately()
        var settings = server.settings(schema: "later")
        #expect(throws: LogError.self) {
            _ = try PostgreSQLLogEngine(settings, region: Sample.primary)
        }
        settings.openMax = .seconds(20)
        let opening = Task { [settings] in
            try PostgreSQLLogEngine(settings, region: Sample.primary)
        }
        try await Task.sleep(for: .milliseconds(700))
        try server.start()
        await (try opening.value).close()
    }
}
