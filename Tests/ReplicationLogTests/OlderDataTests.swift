import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf
import Testing

/// Data directories that earlier versions have written, one folder each under Fixtures. A new one is
/// recorded with each release: `PORTOLAN_RECORD=Tests/ReplicationLogTests/Fixtures/<version> swift test
/// --filter OlderDataTests`.
@Suite("Data of earlier versions")
struct OlderDataTests {
    static let versions = ["0.1.0"]

    private func open(_ version: String) throws -> (SQLiteLogEngine, URL) {
        let resources = try #require(Bundle.module.resourceURL)
        let recorded = resources.appending(path: "Fixtures/\(version)")
        let copy = FileManager.default.temporaryDirectory.appending(
            path: "portolan-older-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: recorded, to: copy)
        let path = copy.appending(path: "log.sqlite").path
        return (try SQLiteLogEngine(path: path, region: Sample.primary), copy)
    }

    @Test(
        "a log that an earlier version wrote is opened, read and written to",
        .disabled(if: ProcessInfo.processInfo.environment["PORTOLAN_RECORD"] != nil),
        arguments: versions)
    func opens(_ version: String) async throws {
        let (engine, directory) = try open(version)
        defer { try? FileManager.default.removeItem(at: directory) }
        let state = engine.state
        #expect(state.identity?.logID == Sample.logID)
        #expect(state.identity?.isPrimary == true)
        #expect(state.identity?.epoch == 1)
        #expect(state.identity?.mayWriteOwnStream == true)
        #expect(state.position(of: .control).sequence == 24)
        let text = try String(
            contentsOf: directory.appending(path: "digests.txt"), encoding: .utf8)
        #expect(Self.text(state) == text)
        let verdict = try await engine.verifyTrail()
        #expect(verdict.firstBrokenSequence == nil)
        #expect(verdict.events == 20)
        // What a later version added to a message is kept as it came.
        let entry = try await engine.snapshot(
            stream: .control, domain: "directory", keyPrefix: "unknown-field"
        ).first
        let value = try #require(entry?.value)
        let position = try LogPosition(serializedBytes: value)
        #expect(position.sequence == 7)
        #expect(try position.serializedData() == value)
        let next = try await engine.append(Sample.append([Sample.record("new")]))
        #expect(next.position.sequence == 25)
        _ = try await engine.compact(
            CompactionRequest(stream: .control, through: .max, tombstonesBeforeMicroseconds: nil))
        #expect(try await engine.read(ReadQuery(stream: .control, after: 0)).isAtHead)
        await engine.close()
    }

    @Test(
        "a log that an earlier version wrote moves to every engine as it is",
        .disabled(if: ProcessInfo.processInfo.environment["PORTOLAN_RECORD"] != nil),
        arguments: versions, EngineKind.allCases)
    func moves(_ version: String, _ kind: EngineKind) async throws {
        let (engine, directory) = try open(version)
        defer { try? FileManager.default.removeItem(at: directory) }
        let target = try EngineFixture(kind).open()
        try await ExportFixture.fill(target, [try await ExportFixture.export(engine)])
        #expect(target.state.digests == engine.state.digests)
        #expect(target.state.heads == engine.state.heads)
        #expect(target.state.identity == engine.state.identity)
        #expect(try await target.verifyTrail() == engine.verifyTrail())
        await target.close()
        await engine.close()
    }

    @Test("fields of a later version in a backup are passed over, and those in values are kept")
    func laterBackup() async throws {
        let fixture = try EngineFixture(.memory)
        let source = try await fixture.primary()
        var record = Sample.record("a")
        record.value = Self.unknownField
        _ = try await source.append(
            Sample.append([record, Sample.record("b")], events: [Sample.event("E")]))
        let url = fixture.directory.appending(path: "file")
        var writer = try BackupWriter(url)
        for part in try await ExportFixture.export(source) { try writer.write(try later(part)) }
        _ = try writer.finish()
        var reader = try BackupReader(url)
        var parts: [BackupPart] = []
        while let part = try reader.next() { parts.append(part) }
        let target = try EngineFixture(.memory).open()
        try await ExportFixture.fill(target, [parts])
        #expect(target.state.digests == source.state.digests)
        #expect(target.state.identity == source.state.identity)
        #expect(try await target.verifyTrail() == source.verifyTrail())
        let entry = try await target.snapshot(
            stream: .control, domain: "directory", keyPrefix: "a"
        ).first
        #expect(entry?.value == Self.unknownField)
    }

    /// A part as a later version would write it.
    private func later(_ part: BackupPart) throws -> BackupPart {
        let field: [UInt8] = [0xF8, 0x3F, 0x2A]
        var part = part
        switch part.kind {
        case .header:
            try part.header.merge(serializedBytes: field)
            part.header.identity["later"] = "yes"
            for index in part.header.streams.indices {
                try part.header.streams[index].merge(serializedBytes: field)
            }
        case .entries:
            for index in part.entries.entries.indices {
                try part.entries.entries[index].merge(serializedBytes: field)
                try part.entries.entries[index].entry.merge(serializedBytes: field)
            }
        case .trail:
            for index in part.trail.events.indices {
                try part.trail.events[index].merge(serializedBytes: field)
            }
        default: break
        }
        try part.merge(serializedBytes: field)
        return part
    }

    private static func text(_ state: LogState) -> String {
        state.digests.map { digest in
            let sum = digest.sum.map { String(format: "%02x", $0) }.joined()
            return "\(digest.stream) \(digest.domain) \(digest.liveKeys) \(sum)\n"
        }.joined()
    }

    /// A position with a field that no version knows.
    private static var unknownField: Data {
        var bytes = (try? LogPosition.with { $0.sequence = 7 }.serializedData()) ?? Data()
        bytes.append(contentsOf: [0xF8, 0x3F, 0x2A])
        return bytes
    }

    @Test(
        "record this version's data",
        .enabled(if: ProcessInfo.processInfo.environment["PORTOLAN_RECORD"] != nil))
    func record() async throws {
        let target = ProcessInfo.processInfo.environment["PORTOLAN_RECORD"] ?? ""
        try FileManager.default.createDirectory(
            atPath: target, withIntermediateDirectories: true)
        let engine = try SQLiteLogEngine(path: target + "/log.sqlite", region: Sample.primary)
        try await engine.establish(Sample.identity())
        for index in 0..<20 {
            _ = try await engine.append(
                Sample.append(
                    [Sample.record("key-\(index % 8)", UInt64(index / 8 + 1), "value \(index)")],
                    requestID: "request-\(index)", events: [Sample.event("Event\(index)")]))
        }
        _ = try await engine.append(Sample.append([Sample.tombstone("key-3", 9)]))
        _ = try await engine.append(
            Sample.append([Sample.record("a"), Sample.record("b")], domain: "permission"))
        _ = try await engine.append(
            Sample.append(
                [Sample.record("session/a")], stream: .regional(Sample.primary),
                domain: "session"))
        var record = Sample.record("unknown-field")
        record.value = Self.unknownField
        _ = try await engine.append(Sample.append([record]))
        _ = try await engine.compact(
            CompactionRequest(stream: .control, through: 10, tombstonesBeforeMicroseconds: nil))
        try await engine.acknowledge(
            region: Sample.replica, positions: [engine.state.position(of: .control)],
            at: Sample.now)
        try Self.text(engine.state).write(
            toFile: target + "/digests.txt", atomically: true, encoding: .utf8)
        await engine.close()
    }
}
