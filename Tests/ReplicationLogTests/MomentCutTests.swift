import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf
import Testing

@Suite("Log engine: moments between backups")
struct MomentCutTests {
    /// Changes, deletions, revivals, several streams and domains, and a canary that is replaced all
    /// the time; one commit each ten microseconds, the last two at one time.
    private static let story: [AppendCommand] = {
        let own = StreamName.regional(Sample.primary)
        var commands = [
            Sample.append([Sample.record("a"), Sample.record("b")]),
            Sample.append([Sample.record("c")]),
            Sample.append([Sample.record("s")], stream: own, domain: "session"),
            Sample.append([Sample.tombstone("b", 2)]),
            Sample.append([Sample.record("now")], domain: "canary"),
            Sample.append([Sample.record("p")], domain: "permission"),
            Sample.append([Sample.record("a", 2, "second"), Sample.tombstone("c", 2)]),
            Sample.append([Sample.tombstone("s", 2)], stream: own, domain: "session"),
            Sample.append([Sample.record("now", 2)], domain: "canary"),
            Sample.append([Sample.record("b", 3), Sample.record("d")]),
            Sample.append([Sample.record("now", 3)], domain: "canary"),
            Sample.append([Sample.record("s", 3)], stream: own, domain: "session"),
            Sample.append([Sample.record("a", 3, "third"), Sample.tombstone("d", 2)]),
            Sample.append([Sample.tombstone("p", 2)], domain: "permission"),
            Sample.append([Sample.record("a", 4)]),
        ]
        for index in commands.indices {
            let step = min(index, commands.count - 2)
            commands[index].writtenAtMicroseconds = Sample.now + Int64(step) * 10
            commands[index].events = [Sample.event("E\(index)")]
        }
        return commands
    }()

    private func played(_ fixture: EngineFixture, through moment: Int64) async throws
        -> any LogEngine
    {
        let engine = try await fixture.primary()
        for command in Self.story where command.writtenAtMicroseconds <= moment {
            _ = try await engine.append(command)
        }
        return engine
    }

    /// Files of a backup that was taken after every third commit.
    private func files(_ engine: any LogEngine) async throws -> [[BackupPart]] {
        var files: [[BackupPart]] = []
        for (index, command) in Self.story.enumerated() {
            _ = try await engine.append(command)
            guard index % 3 == 2 else { continue }
            let point = files.last.map { ExportFixture.point(after: $0) } ?? ExportPoint()
            files.append(try await ExportFixture.export(engine, after: point))
        }
        return files
    }

    private func scan(_ files: [[BackupPart]], _ moment: Int64) -> MomentScan {
        var scan = MomentScan(moment: moment)
        for file in files {
            for part in file {
                switch part.kind {
                case .header(let header): scan.begin(header)
                case .entries(let entries): scan.take(entries)
                default: break
                }
            }
            scan.end()
        }
        return scan
    }

    @Test(
        "a log that is cut at any moment is the log that was there",
        arguments: EngineKind.allCases)
    func anyMoment(_ kind: EngineKind) async throws {
        let source = try await EngineFixture(kind).primary()
        let files = try await files(source)
        for step in 0..<Self.story.count {
            let moment = Sample.now + Int64(step) * 10 + 5
            let scan = scan(files, moment)
            #expect(scan.inexact.isEmpty)
            let fixture = try EngineFixture(kind)
            let target = try fixture.open()
            try await ExportFixture.fill(target, files, to: scan.cuts)
            // What was there is played again elsewhere; that engines agree is shown in other tests.
            let twin = try await played(try EngineFixture(.memory), through: moment)
            try await equal(target, twin)
            #expect(try await target.verifyTrail() == source.verifyTrail())
            await target.close()
            let again = try fixture.open()
            try await equal(again, twin)
            // It goes on from there: the next commit finds what it has to find.
            if let next = Self.story.first(where: { $0.writtenAtMicroseconds > moment }) {
                let position = try await again.append(next).position
                #expect(try await position == twin.append(next).position)
                try await equal(again, twin)
            }
            await again.close()
        }
        await source.close()
    }

    private func equal(_ engine: any LogEngine, _ twin: any LogEngine) async throws {
        #expect(
            engine.state.digests.filter { $0.liveKeys > 0 }
                == twin.state.digests.filter { $0.liveKeys > 0 })
        #expect(engine.state.heads == twin.state.heads)
        for name in twin.state.streams.keys {
            let query = ReadQuery(stream: name, after: 0)
            #expect(try await engine.read(query).entries == twin.read(query).entries)
            #expect(engine.state.streams[name]?.entries == twin.state.streams[name]?.entries)
            let last = { (state: LogState) in
                state.streams[name]?.domains.mapValues(\.lastSequence).filter { $0.value > 0 }
            }
            #expect(last(engine.state) == last(twin.state))
        }
        for domain in ["directory", "permission", "canary"] {
            let here = try await engine.snapshot(stream: .control, domain: domain, keyPrefix: "")
            let there = try await twin.snapshot(stream: .control, domain: domain, keyPrefix: "")
            #expect(here == there)
        }
    }

    @Test(
        "what was removed between two backups is missed, and only there",
        arguments: EngineKind.allCases)
    func compacted(_ kind: EngineKind) async throws {
        let source = try await EngineFixture(kind).primary()
        for command in Self.story.prefix(6) { _ = try await source.append(command) }
        let first = try await ExportFixture.export(source)
        for command in Self.story.dropFirst(6) { _ = try await source.append(command) }
        _ = try await source.compact(
            CompactionRequest(stream: .control, through: .max, tombstonesBeforeMicroseconds: nil))
        let second = try await ExportFixture.export(
            source, after: ExportFixture.point(after: first))
        var refused = 0
        for step in 0..<Self.story.count {
            let moment = Sample.now + Int64(step) * 10 + 5
            let scan = scan(step < 6 ? [first] : [first, second], moment)
            guard scan.inexact.isEmpty else {
                refused += 1
                #expect(scan.inexact == [.control])
                continue
            }
            let target = try EngineFixture(kind).open()
            let files = step < 6 ? [first] : [first, second]
            try await ExportFixture.fill(target, files, to: scan.cuts)
            let twin = try await played(try EngineFixture(.memory), through: moment)
            #expect(
                target.state.digests.filter { $0.liveKeys > 0 }
                    == twin.state.digests.filter { $0.liveKeys > 0 })
            #expect(target.state.heads == twin.state.heads)
            await target.close()
        }
        // All between the first point and the last of what replaced something.
        #expect((1...8).contains(refused))
        await source.close()
    }

    @Test("nothing is taken back of a log that a Region takes part in")
    func adopted() async throws {
        let engine = try await played(try EngineFixture(.memory), through: .max)
        let transactional = try #require(engine as? any TransactionalLogEngine)
        let cut = StreamCut(stream: .control)
        let error = await #expect(throws: LogError.self) {
            try await ExportFixture.work(transactional) { try $0.takeBack(beyond: cut) }
        }
        #expect(error?.code == .logMismatch)
    }

    @Test("a long way back goes in steps", arguments: EngineKind.allCases)
    func steps(_ kind: EngineKind) async throws {
        let source = try await EngineFixture(kind).primary()
        for index in 0..<12 {
            let records = (0..<100).map { Sample.record("k\($0)", UInt64(index + 1)) }
            _ = try await source.append(Sample.append(records, at: Sample.now + Int64(index)))
        }
        let file = try await ExportFixture.export(source)
        let scan = scan([file], Sample.now)
        #expect(scan.cuts.map(\.sequence) == [100])
        let target = try EngineFixture(kind).open()
        try await ExportFixture.fill(target, [file], to: scan.cuts)
        #expect(target.state.streams[.control]?.entries == 100)
        #expect(target.state.streams[.control]?.domains["directory"]?.digest.liveKeys == 100)
        await target.close()
        await source.close()
    }

    // MARK: - Reigns

    private func identity(_ reigns: [Reign]) throws -> LogIdentity {
        LogIdentity(
            logID: Sample.logID, region: Sample.primary,
            history: try #require(ReignHistory(reigns)), mayWriteOwnStream: true)
    }

    private func cut(_ sequence: UInt64) -> [StreamCut] {
        var cut = StreamCut(stream: .control)
        cut.sequence = sequence
        return [cut]
    }

    @Test(
        "reigns that had not begun are not known; a handover that is the last entry has begun one")
    func reigns() throws {
        let first = Reign(epoch: 1, primaryRegion: Sample.primary, after: 0)
        let second = Reign(epoch: 2, primaryRegion: Sample.replica, after: 20)
        var identity = try identity([first, second])
        identity.promise = Succession(epoch: 2, primaryRegion: Sample.replica)
        let before = identity.cut(to: cut(20), known: nil, handover: nil)
        #expect(before.history.reigns == [first])
        // Nobody else gets what was promised.
        #expect(before.promise == identity.promise)
        let handed = identity.cut(to: cut(20), known: nil, handover: second)
        #expect(handed.history.reigns == [first, second])
        let earlier = identity.cut(
            to: cut(25), known: nil, handover: Reign(epoch: 1, primaryRegion: "x", after: 0))
        #expect(earlier.history.reigns == [first, second])
        #expect(
            identity.cut(to: cut(20), known: identity, handover: nil).history.reigns
                == [first, second])
    }

    @Test("a fork and a copy that is not whole stay known as far as they reach")
    func fences() throws {
        let own = StreamName.regional(Sample.replica)
        var identity = try identity([Reign(epoch: 1, primaryRegion: Sample.primary, after: 0)])
        identity.forkedAfter = 15
        identity.missing = [own: 30]
        #expect(identity.cut(to: cut(15), known: nil, handover: nil).forkedAfter == nil)
        #expect(identity.cut(to: cut(16), known: nil, handover: nil).forkedAfter == 15)
        var copy = StreamCut(stream: own)
        copy.sequence = 29
        #expect(
            identity.cut(to: cut(9) + [copy], known: nil, handover: nil).missing == [own: 30])
        copy.sequence = 30
        #expect(identity.cut(to: cut(9) + [copy], known: nil, handover: nil).missing.isEmpty)
    }
}
