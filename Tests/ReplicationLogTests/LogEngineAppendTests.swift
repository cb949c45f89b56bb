import Contracts
import Foundation
import ReplicationLog
import Testing

@Suite("Log engine: appends")
struct LogEngineAppendTests {
    private func code(_ body: () async throws -> Void) async -> LogError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? LogError)?.code
        }
    }

    @Test("nothing is appended before there is an instance", arguments: EngineKind.allCases)
    func noInstance(_ kind: EngineKind) async throws {
        let engine = try EngineFixture(kind).open()
        let code = await code { _ = try await engine.append(Sample.append([Sample.record("a")])) }
        #expect(code == .regionNotEnabled)
        #expect(engine.state.heads.isEmpty)
    }

    @Test(
        "a caller that has applied another reading of the log is refused, whatever the sequence",
        arguments: EngineKind.allCases)
    func otherReading(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        let readingID = try #require(engine.state.identity?.readingID)
        let readings = [readingID, readingID, "\(readingID)/1"]
        let commands = (0..<3).map { index in
            var command = Sample.append(
                [Sample.record("k\(index)")], expected: UInt64(min(index, 1)))
            command.readingID = readings[index]
            return command
        }
        _ = try await engine.append(commands[0])
        try await engine.amend(events: []) { identity, _ in identity.incarnation += 1 }
        let error = await #expect(throws: LogError.self) {
            try await engine.append(commands[1])
        }
        #expect(error?.code == .domainAdvanced)
        #expect(error?.domainSequence == nil)
        #expect(try await engine.append(commands[2]).position.sequence == 2)
    }

    private func following(_ requestID: String, _ key: String) -> AppendCommand {
        var command = Sample.append([Sample.record(key)], expected: .max, requestID: "of \(key)")
        command.afterRequestID = requestID
        return command
    }

    @Test(
        "an append may name the one that it follows, in the same transaction too",
        arguments: EngineKind.allCases)
    func following(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        async let first = engine.append(
            Sample.append(
                [Sample.record("a"), Sample.record("b")], expected: 0, requestID: "of b"))
        var last = try await first.position.sequence
        #expect(last == 2)
        for (before, key) in [("of b", "c"), ("of c", "d")] {
            last = try await engine.append(following(before, key)).position.sequence
        }
        #expect(last == 4)
        // A repeat answers like the first, though the domain has gone on.
        #expect(try await engine.append(following("of b", "c")).position.sequence == 3)
    }

    @Test(
        "an append that follows one which is not there, not the newest or empty is refused",
        arguments: EngineKind.allCases)
    func followingInVain(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        let early = await #expect(throws: LogError.self) {
            try await engine.append(following("of a", "b"))
        }
        #expect(early?.code == .predecessorUnknown)
        #expect(early?.domainSequence == 0)
        _ = try await engine.append(
            Sample.append([Sample.record("a")], expected: 0, requestID: "of a"))
        _ = try await engine.append(Sample.append([Sample.record("x")], expected: 1))
        let late = await #expect(throws: LogError.self) {
            try await engine.append(following("of a", "b"))
        }
        #expect(late?.code == .domainAdvanced)
        #expect(late?.domainSequence == 2)
        _ = try await engine.append(Sample.append([], expected: 2, requestID: "of nothing"))
        let code = await code { _ = try await engine.append(following("of nothing", "b")) }
        // Not every engine remembers an append without records.
        #expect(code == .domainAdvanced || code == .predecessorUnknown)
        #expect(engine.state.position(of: .control).sequence == 2)
    }

    @Test(
        "of appends that follow each other and are under way together, all are written or none behind one",
        arguments: EngineKind.allCases)
    func chain(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        for round in 0..<20 {
            let expected = engine.state.streams[.control]?.domains["directory"]?.lastSequence ?? 0
            let isRefused = round % 3 == 2
            async let one = code {
                _ = try await engine.append(
                    Sample.append(
                        [Sample.record("\(round)/a")],
                        expected: expected + (isRefused ? 1 : 0), requestID: "of \(round)/a"))
            }
            async let two = code {
                _ = try await engine.append(following("of \(round)/a", "\(round)/b"))
            }
            let codes = await (one, two)
            #expect(codes.0 == (isRefused ? .domainAdvanced : nil))
            if isRefused { #expect(codes.1 == .predecessorUnknown) }
            let written = (codes.0 == nil ? 1 : 0) + (codes.1 == nil ? 1 : 0)
            #expect(
                engine.state.position(of: .control).sequence == expected + UInt64(written))
        }
    }

    @Test(
        "a caller that does not know the newest entry is refused and told",
        arguments: EngineKind.allCases)
    func compareAndAppend(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        _ = try await engine.append(
            Sample.append([Sample.record("a"), Sample.record("b")], expected: 0))
        let error = await #expect(throws: LogError.self) {
            try await engine.append(Sample.append([Sample.record("c")], expected: 1))
        }
        #expect(error?.code == .domainAdvanced)
        #expect(error?.domainSequence == 2)
        let outcome = try await engine.append(Sample.append([Sample.record("c")], expected: 2))
        #expect(outcome.position.sequence == 3)
    }

    @Test("domains of a stream do not get into each other's way", arguments: EngineKind.allCases)
    func domains(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        _ = try await engine.append(Sample.append([Sample.record("a")], expected: 0))
        let other = try await engine.append(
            Sample.append([Sample.record("a")], expected: 0, domain: "permission"))
        #expect(other.position.sequence == 2)
        #expect(engine.state.streams[.control]?.domains["directory"]?.lastSequence == 1)
    }

    @Test("of two callers with the same view one wins", arguments: EngineKind.allCases)
    func race(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        let won = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<32 {
                group.addTask {
                    let command = Sample.append([Sample.record("k\(index)")], expected: 0)
                    return (try? await engine.append(command)) != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(won == 1)
        #expect(engine.state.position(of: .control).sequence == 1)
    }

    @Test(
        "a repeat of a request answers like the first, also after a restart",
        arguments: EngineKind.allCases)
    func repeats(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        var engine = try await fixture.primary()
        let command = Sample.append(
            [Sample.record("a"), Sample.record("b")], expected: 0, requestID: "request-1")
        let first = try await engine.append(command)
        #expect(try await engine.append(command) == first)
        await engine.close()
        engine = try fixture.open()
        #expect(try await engine.append(command) == first)
        #expect(engine.state.position(of: .control).sequence == 2)
        // And when what began the commit has been replaced and removed.
        _ = try await engine.append(Sample.append([Sample.record("a", 2)]))
        _ = try await engine.compact(
            CompactionRequest(stream: .control, through: 3, tombstonesBeforeMicroseconds: nil))
        await engine.close()
        engine = try fixture.open()
        #expect(try await engine.append(command) == first)
    }

    @Test(
        "records over a limit or against a rule are refused whole", arguments: EngineKind.allCases)
    func rules(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        _ = try await engine.append(Sample.append([Sample.record("a", 5)]))
        var valued = Sample.tombstone("t", 1)
        valued.value = Data([1])
        let wrong: [[LogRecord]] = [
            [Sample.record("")], [Sample.record(String(repeating: "k", count: 513))],
            [Sample.record("b", 0)], [Sample.record("b"), Sample.record("b")], [valued],
            [Sample.record("b"), Sample.record("a", 5)],
            [Sample.record("b", 1, String(repeating: "v", count: 256 << 10 + 1))],
            Array(repeating: Sample.record("b"), count: 10_001),
        ]
        for records in wrong {
            let code = await code { _ = try await engine.append(Sample.append(records)) }
            #expect(code == .invalidRecord)
        }
        #expect(engine.state.position(of: .control).sequence == 1)
        #expect(try await engine.read(ReadQuery(stream: .control, after: 0)).entries.count == 1)
    }

    @Test(
        "what was answered is there after the log is opened again", arguments: EngineKind.allCases)
    func durable(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        var engine = try await fixture.primary()
        for index in 0..<20 {
            _ = try await engine.append(
                Sample.append([Sample.record("k\(index % 7)", UInt64(index + 1))]))
        }
        let before = engine.state
        await engine.close()
        engine = try fixture.open()
        #expect(engine.state.heads == before.heads)
        #expect(engine.state.digests == before.digests)
        #expect(engine.state.identity == before.identity)
        #expect(try await engine.read(ReadQuery(stream: .control, after: 0)).entries.count == 20)
    }

    @Test("a closed log refuses", arguments: EngineKind.allCases)
    func closed(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        await engine.close()
        let code = await code { _ = try await engine.append(Sample.append([Sample.record("a")])) }
        #expect(code == .closed)
    }

    @Test("the log of one Region is not opened as another's", arguments: EngineKind.allCases)
    func otherRegion(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        await engine.close()
        let code = await code { _ = try fixture.open(Sample.replica) }
        #expect(code == .logMismatch)
    }

    @Test("the observer sees every entry once, in order", arguments: EngineKind.allCases)
    func observer(_ kind: EngineKind) async throws {
        let fixture = try EngineFixture(kind)
        let engine = try await fixture.primary()
        let seen = Collected()
        engine.setCommitObserver { entries, _ in seen.add(entries.map(\.sequence)) }
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<40 {
                group.addTask {
                    _ = try? await engine.append(Sample.append([Sample.record("k\(index)")]))
                }
            }
        }
        #expect(seen.values == Array(1...40))
    }
}
