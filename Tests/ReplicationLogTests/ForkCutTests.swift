import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf
import Testing

@Suite("Log engine: going back to where a fork began")
struct ForkCutTests {
    /// What both paths have: five commits, with a deletion.
    private static let shared = [
        Sample.append([Sample.record("a"), Sample.record("b")]),
        Sample.append([Sample.record("c")]),
        Sample.append([Sample.tombstone("b", 2)]),
        Sample.append([Sample.record("p")], domain: "permission"),
        Sample.append([Sample.record("a", 2, "second")]),
    ]
    private static let fork: UInt64 = 6

    private func primary(_ kind: EngineKind) async throws -> (any LogEngine, EngineFixture) {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        for command in Self.shared { _ = try await engine.append(command) }
        return (engine, fixture)
    }

    /// Another Region has taken over after `fork`.
    private func follow(_ engine: any LogEngine) async throws {
        let history = try #require(
            ReignHistory([
                Reign(epoch: 1, primaryRegion: Sample.primary, after: 0),
                Reign(epoch: 2, primaryRegion: Sample.replica, after: Self.fork),
            ]))
        try await engine.amend(events: []) { identity, state in
            _ = identity.follow(history, head: state.position(of: .control).sequence)
        }
    }

    /// Changes, deletions, revivals and a new domain that only this Region holds.
    private func goOn(_ engine: any LogEngine) async throws {
        for command in [
            Sample.append([Sample.record("a", 3), Sample.record("d")]),
            Sample.append([Sample.tombstone("c", 2)]),
            Sample.append([Sample.record("b", 3)]),
            Sample.append([Sample.record("c", 3), Sample.tombstone("d", 2)]),
            Sample.append([Sample.record("s")], domain: "settings"),
            Sample.append([Sample.record("p", 2)], domain: "permission"),
        ] { _ = try await engine.append(command) }
    }

    @Test(
        "it then holds what it held there, and goes on with the other path",
        arguments: EngineKind.allCases)
    func cut(_ kind: EngineKind) async throws {
        let (engine, fixture) = try await primary(kind)
        let (twin, _) = try await primary(kind)
        try await goOn(engine)
        try await follow(engine)
        #expect(engine.state.identity?.forkedAfter == Self.fork)
        #expect(try await engine.cutFork())
        let wanted = twin.state.digests
        #expect(engine.state.digests.filter { $0.liveKeys > 0 } == wanted)
        #expect(engine.state.position(of: .control) == twin.state.position(of: .control))
        #expect(engine.state.streams[.control]?.entries == Self.fork)
        #expect(engine.state.identity?.forkedAfter == nil)
        #expect(engine.state.identity?.incarnation == 1)
        let query = ReadQuery(stream: .control, after: 0)
        #expect(
            try await engine.read(query).entries.map(\.checksum)
                == twin.read(query).entries.map(\.checksum))
        await engine.close()
        let again = try fixture.open()
        #expect(again.state.digests.filter { $0.liveKeys > 0 } == wanted)
        // Deletions are remembered as before, and what was revived is deleted again.
        let snapshot = try await again.snapshot(
            stream: .control, domain: "directory", keyPrefix: "")
        #expect(snapshot.map(\.key) == ["a", "c"])
        #expect(snapshot.first?.value == Data("second".utf8))
        let removed = try await again.compact(
            CompactionRequest(
                stream: .control, through: Self.fork,
                tombstonesBeforeMicroseconds: Sample.now + 1))
        #expect(removed.removed == 3)
    }

    @Test("the entries of the new reign follow", arguments: EngineKind.allCases)
    func goesOn(_ kind: EngineKind) async throws {
        let (engine, _) = try await primary(kind)
        try await goOn(engine)
        try await follow(engine)
        #expect(try await engine.cutFork())
        let fixture = try EngineFixture(kind)
        let other = try fixture.open(Sample.replica)
        try await other.establish(Sample.identity(region: Sample.replica))
        _ = try await other.apply(engine.batch(after: 0).validated())
        var take = Sample.append([Sample.record("who")], domain: "instance")
        take.succession = Succession(epoch: 2, primaryRegion: Sample.replica)
        _ = try await other.append(take)
        _ = try await other.append(Sample.append([Sample.record("a", 3, "third")]))
        let batch = try await other.batch(after: Self.fork, sender: Sample.replica)
        _ = try await engine.apply(batch.validated())
        #expect(engine.state.digests.filter { $0.liveKeys > 0 } == other.state.digests)
        #expect(engine.state.heads == other.state.heads)
    }

    @Test(
        "it is not done where compaction has gone further, nor without a fork",
        arguments: EngineKind.allCases)
    func refused(_ kind: EngineKind) async throws {
        let (engine, _) = try await primary(kind)
        #expect(try await engine.cutFork() == false)
        try await goOn(engine)
        let outcome = try await engine.compact(
            CompactionRequest(
                stream: .control, through: Self.fork + 2, tombstonesBeforeMicroseconds: nil))
        #expect(outcome.removed == 3)
        let before = engine.state.digests
        try await follow(engine)
        #expect(try await engine.cutFork() == false)
        #expect(engine.state.digests == before)
    }
}
