import Contracts
import Foundation
import GRDB
import SwiftProtobuf
import Testing

@testable import ReplicationLog

/// What is read as it travels says the same as what is read as messages.
@Suite("Log engines: encoded reads")
struct EncodedReadTests {
    private func entries(_ read: EncodedRead) throws -> [LogEntry] {
        try CoordinatorTailResponse.Batch(serializedBytes: read.entries).entries
    }

    private func filled(_ fixture: EngineFixture) async throws -> any LogEngine {
        let engine = try await fixture.primary()
        for number in 1...20 as ClosedRange<UInt64> {
            let text = String(repeating: "ä\u{0}x", count: Int(number) * 40)
            _ = try await engine.append(
                Sample.append([
                    Sample.record("user/\(number % 7)", number, text),
                    Sample.record("group/\(number)", number, ""),
                ]))
            _ = try await engine.append(
                Sample.append([Sample.record("a", number)], domain: "permission"))
        }
        _ = try await engine.append(Sample.append([Sample.tombstone("user/1", 99)]))
        return engine
    }

    @Test("they hold what reads hold, batch by batch", arguments: EngineKind.allCases)
    func equal(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await filled(fixture)
        for domains in [nil, ["directory"], ["permission"], ["nothing"]] as [Set<String>?] {
            for (entriesMax, bytesMax) in [(2_000, 1 << 20), (5, 1 << 20), (2_000, 4_000)] {
                var after: UInt64 = 0
                while true {
                    let query = ReadQuery(
                        stream: .control, after: after, domains: domains, entriesMax: entriesMax,
                        bytesMax: bytesMax)
                    let encoded = try await engine.readEncoded(query)
                    if entriesMax == 5 || bytesMax == 1 << 20 {
                        let plain = try await engine.read(query)
                        #expect(try entries(encoded) == plain.entries)
                        #expect(encoded.through == plain.through)
                        #expect(encoded.isAtHead == plain.isAtHead)
                    }
                    #expect(try entries(encoded).allSatisfy(\.isIntact))
                    if encoded.isAtHead { break }
                    #expect(try entries(encoded).last?.sequence == encoded.through.sequence)
                    after = encoded.through.sequence
                }
            }
        }
        await engine.close()
    }

    @Test("a reader ahead of the log is refused", arguments: EngineKind.allCases)
    func ahead(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await filled(fixture)
        await #expect(throws: LogError.self) {
            _ = try await engine.readEncoded(ReadQuery(stream: .control, after: 1_000))
        }
        let nothing = try await engine.readEncoded(
            ReadQuery(stream: .regional("eu-west-3"), after: 0))
        #expect(nothing.entries.isEmpty && nothing.isAtHead && nothing.through.sequence == 0)
        await engine.close()
    }

    @Test("a bit flipped on disk is noticed")
    func damaged() async throws {
        let fixture = try EngineFixture(.sqlite)
        let engine = try await filled(fixture)
        let sqlite = try #require(engine as? SQLiteLogEngine)
        try await sqlite.pool.write {
            try $0.execute(sql: "UPDATE entries SET value = x'00' WHERE key = 'user/3'")
        }
        do {
            _ = try await engine.readEncoded(ReadQuery(stream: .control, after: 0))
            Issue.record("a damaged entry was sent")
        } catch let error as LogError {
            #expect(error.code == .checksumMismatch)
            #expect(error.damaged?.stream == .control)
        }
        await engine.close()
    }
}
