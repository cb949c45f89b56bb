import Contracts
import DirectoryService
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

/// Users and groups say their version themselves, so sealing them anew changes them in one place.
@Suite("Directory records that are sealed anew", .timeLimit(.minutes(2)))
struct ResealTests {
    let world = World()

    @Test("stay what they were but for their version, and can be changed and deleted")
    func users() async throws {
        try await world.withDirectory { directory in
            let ada = try await directory.create("ada", externalID: "00u1").user
            let bob = try await directory.create("bob").user
            let group = try await directory.createGroup("Crew", [ada.userID, bob.userID]).group
            rotate()
            for user in [ada, bob] {
                #expect(await eventually { (try? await directory.get(user.userID).version) == 2 })
            }
            var expected = ada
            expected.version = 2
            #expect(try await directory.get(ada.userID) == expected)
            #expect(try await directory.find(.externalID("00u1")).userID == ada.userID)
            #expect(try await directory.members(of: group.groupID).count == 2)

            var update = DirectoryUpdateUserRequest()
            update.user = expected
            update.user.displayName = "Ada L."
            update.expectedVersion = 2
            #expect(try await directory.client.updateUser(update).user.version == 3)
            #expect(await eventually { isDone() })
            _ = try await directory.change(group.groupID, remove: [bob.userID])
            _ = try await directory.change(group.groupID, add: [bob.userID])
            var delete = DirectoryDeleteUserRequest()
            delete.userID = ada.userID
            _ = try await directory.client.deleteUser(delete)
            #expect(try await directory.members(of: group.groupID) == [bob.userID])
        }
    }

    private func rotate() {
        var instance = TestRegion.instance()
        instance.encryption.dataKeyGeneration = 1
        instance.encryption.status = .enabled
        world.primary.coordinator.setInstance(instance)
    }

    /// Whether no record needs the first data key any more.
    private func isDone() -> Bool {
        var records: [String: StateDataKeyRecord] = [:]
        for entry in world.log.entries(of: "control") where entry.key.hasPrefix("data-key/") {
            records[entry.key] = try? StateDataKeyRecord(serializedBytes: entry.value)
        }
        return records.values.contains { $0.generation == 0 && $0.unusedSinceUs > 0 }
    }
}
