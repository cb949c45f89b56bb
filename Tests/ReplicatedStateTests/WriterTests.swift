import Contracts
import RPC
import ReplicatedState
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

@Suite("A writer", .timeLimit(.minutes(2)))
struct WriterTests {
    let world = TwoRegions()

    @Test("outside the primary the coordinator's refusal is passed on with its metadata")
    func notPrimary() async throws {
        let service = TextService(world.other)
        try await withRunning(service.run) {
            #expect(await service.isOpen())
            let error = await failure { try await service.put("a", "alpha") }
            #expect(error?.code == .failedPrecondition)
            #expect(error?.reason == "NOT_PRIMARY")
            #expect(error?.metadata["primary-region"] == "eu-central-1")
            #expect(world.log.entries(of: "control").isEmpty)
        }
    }

    @Test("a request that is refused does not hinder the others of its batch")
    func refusedRequest() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            #expect(await service.isOpen())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<20 {
                    group.addTask { _ = try await service.put("key-\(index)", "\(index)") }
                    group.addTask {
                        let error = await failure {
                            try await service.writer.submit(until: .after(.seconds(20))) {
                                _ -> DomainWrite<Void> in
                                throw RPCError(.notFound, reason: "NONE", message: "None.")
                            }
                        }
                        #expect(error?.reason == "NONE")
                    }
                }
                try await group.waitForAll()
            }
            #expect(try service.replica.read { $0.texts.count } == 20)
        }
    }

    @Test("64 callers that count up one number lose no step")
    func oneKey() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            #expect(await service.isOpen())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<64 {
                    group.addTask {
                        _ = try await service.writer.submit(until: .after(.seconds(60))) { state in
                            let number = state.texts["n"].flatMap { Int($0) } ?? 0
                            return DomainWrite((), changes: [state.put("n", "\(number + 1)")])
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try service.text("n") == "64")
            #expect(try service.replica.read { $0.versions["n"] } == 64)
        }
    }

    @Test("64 callers share few appends, and every write can be read when it is answered")
    func manyKeys() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            #expect(await service.isOpen())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<64 {
                    group.addTask {
                        for step in 0..<10 {
                            _ = try await service.put("\(caller)/\(step)", "x")
                            #expect(try service.text("\(caller)/\(step)") == "x")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try service.replica.read { $0.texts.count } == 640)
            #expect(world.log.appends < 640)
        }
    }

    @Test("two writers of one domain both get through")
    func competingWriters() async throws {
        let one = TextService(world.primary)
        let two = TextService(world.primary)
        try await withRunning(one.run) {
            try await withRunning(two.run) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<40 {
                        group.addTask { _ = try await one.put("one-\(index)", "1") }
                        group.addTask { _ = try await two.put("two-\(index)", "2") }
                    }
                    try await group.waitForAll()
                }
                #expect(await eventually { (try? one.replica.read { $0.texts.count }) == 80 })
                #expect(await eventually { (try? two.replica.read { $0.texts.count }) == 80 })
            }
        }
    }

    @Test("a write whose answer was lost is not written twice")
    func lostAnswer() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            _ = try await service.put("a", "first")
            let before = world.log.entries(of: "control").count
            world.log.loseAnswers(2)
            _ = try await service.put("a", "second")
            #expect(world.log.entries(of: "control").count == before + 1)
            #expect(try service.text("a") == "second")
        }
    }

    @Test("after a change of the KMS key and a compaction a new replica opens everything")
    func rewrappedKeys() async throws {
        let key =
            "arn:aws:kms:eu-central-1:111122223333:key/mrk-" + String(repeating: "a", count: 32)
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            _ = try await service.put("a", "alpha")
            _ = try await service.note("b", "beta")
            let instance = TestRegion.instance(kmsKeyARN: key)
            world.primary.coordinator.setInstance(instance)
            world.other.coordinator.setInstance(instance)
            for stream in ["control", "region/eu-central-1"] {
                #expect(await eventually { wrappingKeys(stream) == [key] })
                world.log.compact(stream)
            }
            #expect(world.log.entries(of: "control").first?.key == "a")
            let reader = TextService(world.other)
            try await withRunning(reader.run) {
                #expect(await reader.isOpen())
                let texts = (try reader.text("a"), try reader.text("b"))
                #expect(texts == ("alpha", "beta"))
            }
        }
    }

    @Test("an old data key is retired, and what it sealed is still opened")
    func retiredKey() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) { _ = try await service.put("a", "alpha") }
        world.log.tamper("control") { entries in
            guard var record = try? StateDataKeyRecord(serializedBytes: entries[0].value) else {
                return
            }
            record.createdAtUs -= 91 * 86_400 * 1_000_000
            entries[0].value = (try? record.serializedBytes()) ?? entries[0].value
        }
        let later = TextService(world.primary)
        try await withRunning(later.run) {
            _ = try await later.put("b", "beta")
            _ = try await later.put("c", "gamma")
        }
        let records = dataKeys("control")
        #expect(records.count == 2)
        #expect(records.values.count(where: \.active) == 1)
        let reader = TextService(world.other)
        try await withRunning(reader.run) {
            #expect(await reader.isOpen())
            let texts = try reader.replica.read { $0.texts }
            #expect(texts == ["a": "alpha", "b": "beta", "c": "gamma"])
        }
    }

    @Test("no write is taken while the Region's key is disabled")
    func disabledKey() async throws {
        world.primary.keys.fail(FakeKeys.disabled)
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            #expect(await service.isOpen())
            let error = await failure { try await service.put("a", "alpha") }
            #expect(error?.reason == "DisabledException")
            #expect(world.log.entries(of: "control").isEmpty)
            world.primary.keys.fail(nil)
            _ = try await service.put("a", "alpha")
        }
    }

    @Test("a record that is too large is refused before it is sent")
    func largeRecord() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            #expect(await service.isOpen())
            let text = String(repeating: "x", count: 300_000)
            #expect(
                await failure { try await service.put("a", text) }?.reason == "RECORD_TOO_LARGE")
        }
    }

    /// The KMS keys that the latest data keys of a stream are wrapped with.
    private func wrappingKeys(_ stream: String) -> Set<String> {
        Set(dataKeys(stream).values.map(\.kmsKeyArn))
    }

    /// The latest data key records of a stream.
    private func dataKeys(_ stream: String) -> [String: StateDataKeyRecord] {
        var records: [String: StateDataKeyRecord] = [:]
        for entry in world.log.entries(of: stream) where entry.key.hasPrefix("data-key/") {
            records[entry.key] = try? StateDataKeyRecord(serializedBytes: entry.value)
        }
        return records
    }
}
