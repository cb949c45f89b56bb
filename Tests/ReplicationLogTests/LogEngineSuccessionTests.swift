import Contracts
import ReplicationLog
import SwiftProtobuf
import Testing

@Suite("Log engine: change of the primary")
struct LogEngineSuccessionTests {
    private func code(_ body: () async throws -> Void) async -> LogError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? LogError)?.code
        }
    }

    private func succession(
        _ region: String, epoch: UInt64 = 2, expected: UInt64? = nil
    ) -> AppendCommand {
        var command = Sample.append([Sample.record("who")], expected: expected, domain: "instance")
        command.succession = Succession(epoch: epoch, primaryRegion: region)
        return command
    }

    @Test("after its handover a primary writes nothing more", arguments: EngineKind.allCases)
    func handover(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        _ = try await engine.append(Sample.append([Sample.record("a")]))
        let last = try await engine.append(succession(Sample.replica)).position
        #expect(last.epoch == 1)
        #expect(last.sequence == 2)
        #expect(
            engine.state.identity?.history.current
                == Reign(epoch: 2, primaryRegion: Sample.replica, after: 2))
        #expect(
            await code { _ = try await engine.append(Sample.append([Sample.record("b")])) }
                == .notPrimary)
        await engine.close()
        let again = try fixture.open()
        #expect(again.state.identity?.primaryRegion == Sample.replica)
        #expect(
            await code { _ = try await again.append(Sample.append([Sample.record("b")])) }
                == .notPrimary)
    }

    @Test(
        "who takes over begins the new reign with the same commit", arguments: EngineKind.allCases)
    func takeOver(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try fixture.open(Sample.replica)
        try await engine.establish(Sample.identity(region: Sample.replica))
        let position = try await engine.append(succession(Sample.replica)).position
        #expect(position.epoch == 2)
        #expect(engine.state.identity?.isPrimary == true)
        #expect(engine.state.identity?.history.current.after == 0)
        let next = try await engine.append(Sample.append([Sample.record("a")])).position
        #expect(next.epoch == 2)
    }

    @Test(
        "a succession that is refused changes nothing", arguments: EngineKind.allCases)
    func refused(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        _ = try await engine.append(Sample.append([Sample.record("x")], domain: "instance"))
        let before = engine.state.identity
        #expect(
            await code { _ = try await engine.append(succession(Sample.replica, expected: 7)) }
                == .domainAdvanced)
        #expect(
            await code { _ = try await engine.append(succession(Sample.replica, epoch: 1)) }
                == .epochStale)
        #expect(engine.state.identity == before)
        _ = try await engine.append(Sample.append([Sample.record("y")]))
    }

    @Test(
        "an amendment that throws or changes nothing leaves no event",
        arguments: EngineKind.allCases)
    func amendments(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try fixture.open(Sample.replica)
        #expect(
            await code { _ = try await engine.amend(events: []) { _, _ in } } == .regionNotEnabled)
        try await engine.establish(Sample.identity(region: Sample.replica))
        let event = Sample.event("FollowPrimary")
        _ = try await engine.amend(events: [event]) { _, _ in }
        #expect(
            await code {
                _ = try await engine.amend(events: [event]) { identity, _ throws(LogError) in
                    identity.incarnation = 9
                    throw LogError(.epochStale, "no")
                }
            } == .epochStale)
        #expect(try await engine.trail(after: 0, limit: 10).isEmpty)
        #expect(engine.state.identity?.incarnation == 0)
        let changed = try await engine.amend(events: [event]) { identity, _ throws(LogError) in
            try identity.promise(Succession(epoch: 2, primaryRegion: Sample.primary))
        }
        #expect(changed.promise?.epoch == 2)
        #expect(try await engine.trail(after: 0, limit: 10).count == 1)
    }

    @Test(
        "a fork takes nothing of the control stream until it has been exported and dropped",
        arguments: EngineKind.allCases)
    func fork(_ kind: EngineKind) async throws {
        let fixtures = [try EngineFixture(kind), try EngineFixture(kind)]
        let old = try await fixtures[0].primary()
        let new = try fixtures[1].open(Sample.replica)
        try await new.establish(Sample.identity(region: Sample.replica))
        _ = try await old.append(Sample.append([Sample.record("shared")]))
        _ = try await new.apply(try await old.batch(after: 0).validated())
        // Written in the old primary alone, while the new one takes over.
        _ = try await old.append(Sample.append([Sample.record("lost")]))
        _ = try await new.append(succession(Sample.replica))
        _ = try await new.append(Sample.append([Sample.record("won")]))
        let history = try #require(new.state.identity?.history)
        _ = try await old.amend(events: []) { identity, state throws(LogError) in
            _ = identity.follow(history, head: state.position(of: .control).sequence)
        }
        #expect(old.state.identity?.forkedAfter == 1)
        let batch = try await new.batch(after: 1, sender: Sample.replica)
        #expect(await code { _ = try await old.apply(batch.validated()) } == .forked)
        #expect(await code { try await old.drop(.control) } == .forked)
        #expect(old.state.streams[.control]?.head == 2)
        try await old.drop(.control, isExported: true)
        #expect(old.state.identity?.forkedAfter == nil)
        #expect(old.state.identity?.incarnation == 1)
        _ = try await old.apply(try await new.batch(after: 0, sender: Sample.replica).validated())
        #expect(old.state.digests == new.state.digests)
        await old.close()
        let again = try fixtures[0].open()
        #expect(again.state.digests == new.state.digests)
        #expect(again.state.identity?.incarnation == 1)
    }

    @Test("an entry outside the reign of its epoch is refused", arguments: EngineKind.allCases)
    func misplaced(_ kind: EngineKind) async throws {
        let fixtures = [try EngineFixture(kind), try EngineFixture(kind)]
        let old = try await fixtures[0].primary()
        _ = try await old.append(Sample.append([Sample.record("a")]))
        _ = try await old.append(Sample.append([Sample.record("b")]))
        let batch = try await old.batch(after: 0)
        let third = try fixtures[1].open("us-east-1")
        // Knows that the new reign began after the first entry, and that the old primary is back.
        let history = try #require(
            ReignHistory([
                Reign(epoch: 1, primaryRegion: Sample.primary, after: 0),
                Reign(epoch: 2, primaryRegion: Sample.replica, after: 1),
                Reign(epoch: 3, primaryRegion: Sample.primary, after: 1),
            ]))
        try await third.establish(
            LogIdentity(
                logID: Sample.logID, region: "us-east-1", history: history,
                mayWriteOwnStream: true))
        #expect(await code { _ = try await third.apply(batch.validated()) } == .epochStale)
        #expect(third.state.position(of: .control).sequence == 0)
    }
}
