import Contracts
import RPC
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

@testable import ReplicatedState

/// Existing records are sealed with new data keys when the instance asks for another generation.
@Suite("Sealing anew", .timeLimit(.minutes(2)))
struct ResealTests {
    let world = TwoRegions()

    @Test("outside the primary the records of the control stream are left alone")
    func notPrimary() async throws {
        let writer = TextService(world.primary)
        try await withRunning(writer.run) { _ = try await writer.put("a", "alpha") }
        let other = TextService(world.other)
        try await withRunning(other.run) {
            #expect(await other.isOpen())
            let before = world.log.entries(of: "control").count
            ask(for: 1)
            try await Task.sleep(for: .milliseconds(1_500))
            #expect(world.log.entries(of: "control").count == before)
        }
    }

    @Test("nothing is sealed anew while the KMS key is being changed")
    func whileUpdating() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            _ = try await service.put("a", "alpha")
            let before = world.log.entries(of: "control").count
            ask(for: 1, status: .updating)
            try await Task.sleep(for: .milliseconds(1_500))
            #expect(world.log.entries(of: "control").count == before)
            ask(for: 1)
            #expect(await eventually { log("control").generations == [1] })
        }
    }

    @Test("a record that the state has left out keeps its data key")
    func unknownRecord() async throws {
        let service = TextService(world.primary, unusedDataKeyKeep: .zero)
        try await withRunning(service.run) {
            _ = try await service.put("a", "alpha")
            _ = try await service.put("b", "beta")
            service.replica.withCore { _ = $0.state.unknownKeys.insert("b") }
            ask(for: 1)
            #expect(await eventually { log("control").sealedWith["a"] == 1 })
            #expect(
                await eventually { log("control").keys.values.contains { $0.recordsLeft == 1 } })
            try await Task.sleep(for: .milliseconds(300))
            #expect(log("control").sealedWith["b"] == 0)
            #expect(log("control").keys.count == 2)
        }
    }

    @Test("every record gets a new data key, and nobody notices")
    func everyRecord() async throws {
        let service = TextService(world.primary)
        let reader = TextService(world.other)
        try await withRunning(service.run) {
            try await fill(service, 700)
            _ = try await service.note("n", "nota bene")
            try await withRunning(reader.run) {
                #expect(await reader.isOpen())
                ask(for: 1)
                #expect(
                    await eventually {
                        (try? reader.text("7")) == "text 7" && isDone(1, "control")
                            && isDone(1, "region/eu-central-1")
                    })
                let versions = try reader.replica.read { $0.versions }
                #expect(versions["7"] == 2 && versions["699"] == 2 && versions["n"] == 2)
                #expect(try service.text("n") == "nota bene")
                let old = log("control").keys.values.first { $0.generation == 0 }
                #expect(old?.active == false && old?.records == 700 && old?.recordsLeft == 0)
                _ = try await service.put("7", "changed")
                #expect(await eventually { (try? reader.text("7")) == "changed" })
            }
        }
    }

    @Test("no change is lost that is made while records are sealed anew")
    func concurrentChanges() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            try await fill(service, 500)
            ask(for: 1)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<20 {
                    group.addTask {
                        for step in 0..<20 {
                            _ = try await service.put("\(caller * 20 + step)", "new \(step)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(await eventually { isDone(1, "control") })
            for key in 0..<500 {
                let text = try service.text("\(key)")
                #expect(text == (key < 400 ? "new \(key % 20)" : "text \(key)"))
            }
        }
    }

    @Test("two services that seal the same records anew agree")
    func twoServices() async throws {
        let one = TextService(world.primary)
        let two = TextService(world.primary)
        try await withRunning(one.run) {
            try await fill(one, 600)
            try await withRunning(two.run) {
                #expect(await two.isOpen())
                ask(for: 1)
                #expect(await eventually { isDone(1, "control") })
                #expect(await eventually { (try? two.text("599")) == "text 599" })
                _ = try await two.put("1", "changed")
                #expect(await eventually { (try? one.text("1")) == "changed" })
            }
        }
    }

    @Test("a restart goes on where the last run ended")
    func restart() async throws {
        let first = TextService(world.primary)
        try await withRunning(first.run) {
            try await fill(first, 3_000)
            ask(for: 1)
            // A look at the last entry alone is quick, so the run ends in the middle.
            #expect(
                await eventually {
                    let last = world.log.entries(of: "control").last
                    return last.map { !$0.isDataKey && $0.version == 2 } ?? false
                })
        }
        let isHalfDone = log("control").sealedWith.values.contains(0)
        #expect(isHalfDone)
        let second = TextService(world.primary)
        try await withRunning(second.run) {
            #expect(await eventually { isDone(1, "control") })
            let versions = try second.replica.read { $0.versions }
            #expect(versions.values.allSatisfy { $0 == 2 })
        }
    }

    @Test("a closed Region goes on when its key can be used again")
    func closedRegion() async throws {
        let service = TextService(world.primary, hold: .milliseconds(200))
        try await withRunning(service.run) {
            _ = try await service.put("a", "alpha")
            world.primary.keys.fail(FakeKeys.disabled)
            #expect(await service.closedReason() == "DisabledException")
            ask(for: 1)
            try await Task.sleep(for: .milliseconds(300))
            #expect(log("control").generations == [0])
            world.primary.keys.fail(nil)
            #expect(await eventually { isDone(1, "control") })
            #expect(await service.isOpen())
        }
    }

    @Test("an unused data key is deleted, and a Region that never had its KMS key opens the log")
    func deletedKey() async throws {
        let key =
            "arn:aws:kms:eu-central-1:111122223333:key/mrk-" + String(repeating: "c", count: 32)
        let service = TextService(world.primary, unusedDataKeyKeep: .milliseconds(1))
        try await withRunning(service.run) {
            try await fill(service, 5)
            _ = try await service.put("gone", "soon")
            _ = try await service.writer.submit(until: .after(.seconds(20))) { _ in
                DomainWrite((), changes: [.delete("gone", version: 2)])
            }
            ask(for: 1, key: key)
            #expect(await eventually { log("control").keys.values.map(\.generation) == [1] })
            world.other.keys.hold(onlyKeysNamed: key)
            let reader = TextService(world.other)
            try await withRunning(reader.run) {
                #expect(await reader.isOpen())
                let texts = try reader.replica.read { $0.texts }
                #expect(texts.count == 5 && texts["4"] == "text 4")
            }
            world.log.compact("control")
            let later = TextService(world.other)
            try await withRunning(later.run) {
                #expect(await later.isOpen())
                let text = try later.text("4")
                #expect(text == "text 4")
            }
        }
    }

    @Test("where others write too, sealing anew rests nine times as long as it works")
    func pace() {
        var pace = ResealPace(requests: 5)
        #expect(pace.rest(after: .milliseconds(10), requests: 5) == .milliseconds(10))
        #expect(pace.rest(after: .milliseconds(10), requests: 6) == .milliseconds(90))
        #expect(pace.rest(after: .milliseconds(10), requests: 6) == .milliseconds(10))
        #expect(pace.rest(after: .microseconds(1), requests: 6) == ResealPace.restMin)
        #expect(pace.rest(after: .seconds(60), requests: 7) == ResealPace.restMax)
    }
}

extension ResealTests {
    /// Makes both Regions' coordinators ask for a generation of data keys.
    private func ask(
        for generation: UInt32, key: String = "", status: CoordinatorEncryptionStatus = .enabled
    ) {
        var instance = TestRegion.instance(kmsKeyARN: key)
        instance.encryption.dataKeyGeneration = generation
        instance.encryption.status = status
        world.primary.coordinator.setInstance(instance)
        world.other.coordinator.setInstance(instance)
    }

    private func fill(_ service: TextService, _ count: Int) async throws {
        #expect(await service.isOpen())
        for start in stride(from: 0, to: count, by: 500) {
            _ = try await service.writer.submit(until: .after(.seconds(20))) { state in
                DomainWrite(
                    (),
                    changes: (start..<min(count, start + 500)).map {
                        state.put("\($0)", "text \($0)")
                    })
            }
        }
    }

    private func isDone(_ generation: UInt32, _ stream: String) -> Bool {
        let log = log(stream)
        return log.generations == [generation]
            && log.keys.values.allSatisfy {
                $0.generation == generation || $0.unusedSinceUs > 0
            }
    }

    /// What the newest entries of a stream say.
    private struct Newest {
        var keys: [String: StateDataKeyRecord] = [:]
        /// Generation of the data key that seals each record.
        var sealedWith: [String: UInt32] = [:]
        var generations: Set<UInt32> { Set(sealedWith.values) }
    }

    private func log(_ stream: String) -> Newest {
        var newest: [String: LogEntry] = [:]
        for entry in world.log.entries(of: stream) { newest[entry.key] = entry }
        var result = Newest()
        for entry in newest.values where entry.isDataKey && !entry.tombstone {
            result.keys[entry.dataKeyID] = try? StateDataKeyRecord(serializedBytes: entry.value)
        }
        for entry in newest.values where !entry.isDataKey && !entry.tombstone {
            let id = RecordSealer.dataKeyID(of: entry.value) ?? ""
            result.sealedWith[entry.key] = result.keys[id]?.generation ?? 99
        }
        return result
    }
}
