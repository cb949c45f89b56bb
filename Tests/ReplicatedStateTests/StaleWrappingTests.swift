import Contracts
import RPC
import ReplicatedState
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

/// A log that is not compacted still shows data keys as they were wrapped before the instance's
/// KMS key was changed, by keys that an additional Region never had.
@Suite("A stale wrapping", .timeLimit(.minutes(2)))
struct StaleWrappingTests {
    let world = TwoRegions()
    let key = "arn:aws:kms:eu-central-1:111122223333:key/mrk-" + String(repeating: "b", count: 32)

    @Test("a Region with neither the old nor the new key stays closed")
    func noKeyAtAll() async throws {
        try await rewrap()
        world.other.keys.hold(onlyKeysNamed: "arn:aws:kms:us-east-1:")
        let reader = TextService(world.other)
        try await withRunning(reader.run) {
            #expect(await reader.closedReason() == "NotFoundException")
            world.other.keys.hold(onlyKeysNamed: key)
            #expect(await reader.isOpen())
        }
    }

    @Test("a Region that never had the old key opens with the newer wrapping")
    func newerWrapping() async throws {
        try await rewrap()
        world.other.keys.hold(onlyKeysNamed: key)
        let reader = TextService(world.other)
        try await withRunning(reader.run) {
            #expect(await reader.isOpen())
            let text = try reader.text("a")
            #expect(text == "alpha")
        }
    }

    /// Writes under the service's key, then changes the instance's key, without a compaction.
    private func rewrap() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            _ = try await service.put("a", "alpha")
            let instance = TestRegion.instance(kmsKeyARN: key)
            world.primary.coordinator.setInstance(instance)
            world.other.coordinator.setInstance(instance)
            #expect(await eventually { newestWrapping() == key })
        }
        let wrappings = world.log.entries(of: "control").filter { $0.key.hasPrefix("data-key/") }
        #expect(wrappings.count > 1)
    }

    private func newestWrapping() -> String? {
        let last = world.log.entries(of: "control").last { $0.key.hasPrefix("data-key/") }
        let record = last.flatMap { try? StateDataKeyRecord(serializedBytes: $0.value) }
        return record?.kmsKeyArn
    }
}
