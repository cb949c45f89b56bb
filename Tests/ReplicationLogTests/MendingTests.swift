import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf
import Testing

@Suite("Log engine: mending what storage has spoiled")
struct MendingTests {
    private let place = EntryPlace(stream: .control, sequence: 2)

    private func code(_ body: () async throws -> Void) async -> LogError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? LogError)?.code
        }
    }

    /// A log with a, b and c whose second entry is spoiled, and that entry as it was.
    private func spoiled(
        _ kind: EngineKind
    ) async throws -> (any LogEngine, LogEntry, EngineFixture) {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        for key in ["a", "b", "c"] {
            _ = try await engine.append(Sample.append([Sample.record(key, 1, "of \(key)")]))
        }
        let entry = try #require(try await engine.entries(of: .control, at: [2]).first)
        try await fixture.spoil(2, in: engine)
        return (engine, entry, fixture)
    }

    @Test(
        "an error says which entry is damaged, and it is not given to others",
        arguments: EngineKind.allCases)
    func found(_ kind: EngineKind) async throws {
        let (engine, _, _) = try await spoiled(kind)
        do {
            _ = try await engine.read(ReadQuery(stream: .control, after: 0))
            Issue.record("A damaged entry was read.")
        } catch let error as LogError {
            #expect(error.damaged == place)
        }
        let held = try await engine.entries(of: .control, at: [1, 2, 3, 4])
        #expect(held.map(\.sequence) == [1, 3])
        // What is left of it is there for reports.
        let damaged = try await engine.damaged(of: .control, at: [1, 2, 3, 4])
        #expect(damaged.map(\.sequence) == [2])
        #expect(damaged.first?.key == "b")
        #expect(damaged.first?.value == Data("spoiled".utf8))
    }

    @Test("only the entry that was written is taken back", arguments: EngineKind.allCases)
    func refused(_ kind: EngineKind) async throws {
        let (engine, entry, _) = try await spoiled(kind)
        var other = entry
        other.value = Data("of somebody else".utf8)
        other.checksum = other.computedChecksum
        #expect(await code { _ = try await engine.mend([other]) } == .checksumMismatch)
        other = entry
        other.value = Data("spoiled".utf8)
        #expect(await code { _ = try await engine.mend([other]) } == .checksumMismatch)
        #expect(
            await code { _ = try await engine.read(ReadQuery(stream: .control, after: 0)) }
                == .checksumMismatch)
    }

    @Test("a mended log is what it was", arguments: EngineKind.allCases)
    func mended(_ kind: EngineKind) async throws {
        let (engine, entry, fixture) = try await spoiled(kind)
        let before = engine.state.digests
        #expect(try await engine.mend([entry]) == 1)
        #expect(try await engine.mend([entry]) == 0)
        let entries = try await engine.read(ReadQuery(stream: .control, after: 0)).entries
        #expect(entries.map(\.value) == ["of a", "of b", "of c"].map { Data($0.utf8) })
        _ = try await engine.append(Sample.append([Sample.record("b", 2, "of b")]))
        await engine.close()
        let again = try fixture.open()
        #expect(again.state.streams[.control]?.domains["directory"]?.digest.liveKeys == 3)
        #expect(again.state.digests != before)
    }

    @Test(
        "what a newer entry has replaced is passed over; the newest of a key is not",
        arguments: EngineKind.allCases)
    func passedOver(_ kind: EngineKind) async throws {
        let (engine, entry, _) = try await spoiled(kind)
        #expect(try await engine.passOver(place) == false)
        // A change of the key needs what it replaces.
        let change = Sample.append([Sample.record("b", 2)])
        #expect(await code { _ = try await engine.append(change) } == .checksumMismatch)
        _ = try await engine.mend([entry])
        _ = try await engine.append(change)
        let fixture = try EngineFixture(kind)
        let other = try await fixture.primary()
        for version in 1...3 as ClosedRange<UInt64> {
            _ = try await other.append(Sample.append([Sample.record("b", version)]))
        }
        let digests = other.state.digests
        try await fixture.spoil(2, in: other)
        #expect(try await other.passOver(place))
        let result = try await other.read(ReadQuery(stream: .control, after: 0))
        #expect(result.entries.map(\.sequence) == [1, 3])
        #expect(result.compactedThrough == 3)
        #expect(other.state.digests == digests)
    }
}
