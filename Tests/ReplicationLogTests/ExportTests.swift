import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf
import Testing

@Suite("Log engine: exports")
struct ExportTests {
    /// A log with superseded entries, tombstones, a compacted past, two streams and a trail.
    private func log(_ engine: any LogEngine) async throws {
        for index in 0..<30 {
            _ = try await engine.append(
                Sample.append(
                    [Sample.record("k\(index % 10)", UInt64(index / 10 + 1), "v\(index)")],
                    requestID: "r\(index)", events: [Sample.event("E\(index)")]))
        }
        _ = try await engine.append(Sample.append([Sample.tombstone("k3", 4)]))
        _ = try await engine.append(
            Sample.append(
                [Sample.record("session/a")], stream: .regional(Sample.primary),
                domain: "session"))
        _ = try await engine.compact(
            CompactionRequest(stream: .control, through: 12, tombstonesBeforeMicroseconds: nil))
        try await engine.acknowledge(
            region: Sample.replica,
            positions: [
                .with {
                    $0.stream = "control"
                    $0.sequence = 9
                }
            ], at: Sample.now)
    }

    @Test(
        "a log moves between engines and is equal, down to requests and the trail",
        arguments: EngineKind.allCases, EngineKind.allCases)
    func moves(_ from: EngineKind, _ to: EngineKind) async throws {
        let fixtures = [try EngineFixture(from), try EngineFixture(to)]
        let source = try await fixtures[0].primary()
        try await log(source)
        let target = try fixtures[1].open()
        try await ExportFixture.fill(target, [try await ExportFixture.export(source)])
        try await equal(target, source)
        await target.close()
        let reopened = try fixtures[1].open()
        try await equal(reopened, source)
        // Requests are found again in the entries when a log is opened.
        let command = Sample.append(
            [Sample.record("k9", 3, "v29")], expected: 0, requestID: "r29")
        #expect(try await reopened.append(command).position.sequence == 30)
        await reopened.close()
    }

    private func equal(_ engine: any LogEngine, _ source: any LogEngine) async throws {
        #expect(engine.state.digests == source.state.digests)
        #expect(engine.state.heads == source.state.heads)
        #expect(engine.state.identity == source.state.identity)
        #expect(
            engine.state.streams[.control]?.entries == source.state.streams[.control]?.entries)
        #expect(try await engine.acknowledged() == source.acknowledged())
        #expect(try await engine.verifyTrail() == source.verifyTrail())
        let query = ReadQuery(stream: .control, after: 0)
        #expect(try await source.read(query).entries == engine.read(query).entries)
    }

    @Test("what has come since an export is enough to catch up", arguments: EngineKind.allCases)
    func since(_ kind: EngineKind) async throws {
        let fixtures = [try EngineFixture(kind), try EngineFixture(kind)]
        let source = try await fixtures[0].primary()
        try await log(source)
        let first = try await ExportFixture.export(source)
        _ = try await source.append(
            Sample.append(
                [Sample.record("k1", 9, "late"), Sample.record("new")],
                events: [Sample.event("Late")]))
        _ = try await source.compact(
            CompactionRequest(stream: .control, through: .max, tombstonesBeforeMicroseconds: nil))
        let point = ExportFixture.point(after: first)
        let second = try await ExportFixture.export(source, after: point)
        let late = second.compactMap { part -> [BackupStoredEntry]? in
            if case .entries(let some) = part.kind { some.entries } else { nil }
        }.joined()
        #expect(late.count == 2)
        let target = try fixtures[1].open()
        try await ExportFixture.fill(target, [first, second])
        #expect(target.state.digests == source.state.digests)
        #expect(target.state.heads == source.state.heads)
        #expect(try await target.verifyTrail() == source.verifyTrail())
    }

    @Test("an import that broke off starts over and ends equal", arguments: EngineKind.allCases)
    func repeated(_ kind: EngineKind) async throws {
        let fixtures = [try EngineFixture(kind), try EngineFixture(kind)]
        let source = try await fixtures[0].primary()
        try await log(source)
        let file = try await ExportFixture.export(source)
        let target = try fixtures[1].open()
        let engine = try #require(target as? any TransactionalLogEngine)
        for part in file.dropLast() { try await ExportFixture.take(part, engine) }
        #expect(target.state.identity == nil)
        try await ExportFixture.fill(target, [file])
        #expect(target.state.digests == source.state.digests)
        let again = await #expect(throws: LogError.self) {
            try await ExportFixture.fill(target, [file])
        }
        #expect(again?.code == .logMismatch)
    }

    @Test("an altered entry, a missing one and another Region's backup are refused")
    func refused() async throws {
        let source = try await EngineFixture(.memory).primary()
        try await log(source)
        let good = try await ExportFixture.export(source)
        var altered = good
        altered[1].entries.entries[0].entry.value = Data("x".utf8)
        var short = good
        short[1].entries.entries.removeLast()
        for file in [altered, short] {
            let target = try EngineFixture(.memory).open()
            let error = await #expect(throws: LogError.self) {
                try await ExportFixture.fill(target, [file])
            }
            #expect(error?.code == .checksumMismatch)
            #expect(target.state.identity == nil)
        }
        let other = try EngineFixture(.memory).open(Sample.replica)
        let error = await #expect(throws: LogError.self) {
            try await ExportFixture.fill(other, [good])
        }
        #expect(error?.code == .logMismatch)
    }

    @Test("a backup file that is cut off or has a flipped bit is noticed")
    func file() async throws {
        let fixture = try EngineFixture(.memory)
        let source = try await fixture.primary()
        try await log(source)
        let url = fixture.directory.appending(path: "file")
        var writer = try BackupWriter(url)
        for part in try await ExportFixture.export(source) { try writer.write(part) }
        _ = try writer.finish()
        let bytes = try Data(contentsOf: url)
        var reader = try BackupReader(url)
        while try reader.next() != nil {}
        #expect(reader.hash != nil)
        var flipped = bytes
        flipped[bytes.count / 2] ^= 1
        for wrong in [bytes.dropLast(3), flipped, bytes + [0], Data()] {
            try Data(wrong).write(to: url)
            #expect(throws: LogError.self) {
                var reader = try BackupReader(url)
                while try reader.next() != nil {}
            }
        }
    }
}
