import Contracts
import Foundation
import GRDB
import ReplicationLog
import Testing

@Suite("Trail")
struct TrailTests {
    @Test("a refused append leaves no event", arguments: EngineKind.allCases)
    func together(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        _ = try? await engine.append(
            Sample.append([Sample.record("a")], expected: 9, events: [Sample.event("Refused")]))
        _ = try await engine.append(
            Sample.append([Sample.record("a")], expected: 0, events: [Sample.event("Done")]))
        let names = try await engine.trail(after: 0, limit: 10).map(\.event.eventName)
        #expect(names == ["Done"])
    }

    @Test(
        "events are looked up by attribute and time, newest first, in pages",
        arguments: EngineKind.allCases)
    func lookUp(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        for index in 0..<20 {
            let user = index % 2 == 0 ? "alice" : "bob"
            let event = Sample.event("Event\(index)", user: user, at: Sample.now + Int64(index))
            try await engine.record([event])
        }
        let bobs = try await engine.lookUp(TrailQuery(attribute: .userName("bob"), limit: 3))
        #expect(bobs.map(\.event.eventName) == ["Event19", "Event17", "Event15"])
        let next = try await engine.lookUp(
            TrailQuery(attribute: .userName("bob"), before: bobs.last?.sequence, limit: 1))
        #expect(next.map(\.event.eventName) == ["Event13"])
        let window = try await engine.lookUp(
            TrailQuery(fromMicroseconds: Sample.now + 3, toMicroseconds: Sample.now + 4))
        #expect(window.map(\.event.eventName) == ["Event4", "Event3"])
        let resource = try await engine.lookUp(
            TrailQuery(attribute: .resourceName("arn:aws:sso:::instance/Event1")))
        #expect(resource.map(\.event.eventName) == ["Event1"])
        let byID = try await engine.lookUp(TrailQuery(attribute: .eventID(bobs[0].eventID)))
        #expect(byID == [bobs[0]])
    }

    @Test(
        "the chain verifies, and links each event to the one before", arguments: EngineKind.allCases
    )
    func intact(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        try await engine.record((0..<5).map { Sample.event("E\($0)") })
        let verdict = try await engine.verifyTrail()
        #expect(verdict.firstBrokenSequence == nil)
        #expect(verdict.events == 5)
        let events = try await engine.trail(after: 0, limit: 10)
        #expect(events[0].previousHash == Data(count: 32))
        #expect(zip(events, events.dropFirst()).allSatisfy { $0.hash == $1.previousHash })
        #expect(events.last?.hash == verdict.headHash)
    }

    @Test(
        "a changed, removed, inserted or cut-off event shows",
        arguments: [
            ("UPDATE trail SET cloudtrail = '{}' WHERE sequence = 3", 3),
            ("DELETE FROM trail WHERE sequence = 2", 2),
            ("DELETE FROM trail WHERE sequence >= 4", 4),
            ("DELETE FROM trail", 1),
            ("UPDATE trail SET hash = zeroblob(32) WHERE sequence = 5", 5),
        ])
    func tampered(_ sql: String, _ broken: UInt64) async throws {
        let fixture = try EngineFixture(.sqlite)
        var engine = try await fixture.primary()
        try await engine.record((0..<5).map { Sample.event("E\($0)") })
        await engine.close()
        try await DatabaseQueue(path: fixture.path).write { try $0.execute(sql: sql) }
        engine = try fixture.open()
        let verdict = try await engine.verifyTrail()
        #expect(verdict.firstBrokenSequence == broken)
    }

    @Test(
        "a trail that is whole in itself, but not what checkpoints say, is broken where they say",
        arguments: EngineKind.allCases)
    func checkpoints(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        try await engine.record((0..<5).map { Sample.event("E\($0)") })
        let chains = try await engine.trail(after: 0, limit: 10)
            .map { TrailChain(sequence: $0.sequence, hash: $0.hash) }
        let right = [chains[4], chains[1], chains[1]]
        #expect(try await engine.verifyTrail(against: right).firstBrokenSequence == nil)
        let altered = TrailChain(sequence: 2, hash: chains[2].hash)
        let verdict = try await engine.verifyTrail(against: right + [altered])
        #expect(verdict.firstBrokenSequence == 2)
        let beyond = TrailChain(sequence: 9, hash: chains[2].hash)
        let cut = try await engine.verifyTrail(against: right + [beyond])
        #expect(cut.firstBrokenSequence == 6)
        #expect(cut.explanation.contains("signed at event 9"))
    }
}
