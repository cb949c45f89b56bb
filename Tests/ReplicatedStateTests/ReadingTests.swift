import Contracts
import Cryptography
import RPC
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

@testable import ReplicatedState

@Suite("What a replica has applied, and of which reading of the log", .timeLimit(.minutes(2)))
struct ReadingTests {
    let world = TwoRegions()

    @Test("a batch that begins beyond where the replica stands is not taken")
    func gap() async throws {
        let writer = TextService(world.primary)
        let reader = TextService(world.other)
        try await withRunning(writer.run) {
            try await withRunning(reader.run) {
                _ = try await writer.put("first", "text")
                #expect(await eventually { (try? reader.text("first")) == "text" })
                // The writer's own tail may lose it as well: it has applied it already.
                world.other.coordinator.loseBatches(1)
                _ = try await writer.put("lost", "text")
                try await Task.sleep(for: .milliseconds(50))
                #expect(try reader.text("lost") == nil)
                let written = try await writer.put("next", "text")
                try await reader.replica.wait(for: written.position, until: .after(.seconds(20)))
                #expect(try reader.text("next") == "text")
                #expect(try reader.text("lost") == "text")
            }
        }
    }

    @Test("what was decided on another reading of the log is not written")
    func otherReading() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            _ = try await service.put("a", "alpha")
            let appends = world.log.appends
            world.log.rename("log-1/1")
            let error = await failure { try await service.put("b", "beta") }
            #expect(error?.reason == "DOMAIN_ADVANCED")
            #expect(world.log.appends == appends)
            world.primary.coordinator.cutTails()
            #expect(await eventually { (try? await service.put("b", "beta")) != nil })
            #expect(try service.text("b") == "beta")
        }
    }

    @Test("a domain's end that has not been reached is not noted")
    func notPassed() {
        var core = ReplicaCore<TextState>()
        core.notePassed(3, in: "control")
        #expect(core.progress["control"] == nil)
        core.advance(
            to: .with {
                $0.stream = "control"
                $0.epoch = 1
                $0.sequence = 2
            })
        core.notePassed(3, in: "control")
        #expect(core.progress["control"]?.domainSequence == 0)
        core.notePassed(2, in: "control")
        #expect(core.progress["control"]?.domainSequence == 2)
    }

    @Test("nothing of an append is taken over by a state that has been dropped meanwhile")
    func dropped() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            _ = try await service.put("a", "alpha")
            let held = HeldDataKey(
                record: .with {
                    $0.dataKeyID = "void"
                    $0.active = true
                }, version: 1, stream: "control", domain: "text",
                key: try SealingKey(Random.secret(AEADKey.keyByteCount)), checkedAt: .now)
            let generation = service.replica.withCore { $0.generation }
            var append = BatchAppend<TextState>(
                batch: WriteBatch(), generation: generation + 1, predecessor: .sequence(0),
                domain: TextService.control, newDataKey: held)
            append.leading = [try held.change()]
            append.request.records = [LogRecord()]
            let answer = CoordinatorAppendResponse.with {
                $0.firstSequence = 100
                $0.position.stream = "control"
                $0.position.epoch = 1
                $0.position.sequence = 100
            }
            append.settle(answer, in: service.replica)
            #expect(!service.replica.ring.holds("void"))
            #expect(service.replica.position(in: "control").sequence < 100)
        }
    }
}
