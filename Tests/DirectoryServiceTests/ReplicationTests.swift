import Contracts
import DirectoryService
import RPC
import ReplicatedStateTesting
import Testing

@Suite("A directory in two Regions", .timeLimit(.minutes(2)))
struct ReplicationTests {
    let world = World()

    @Test("a write in the additional Region is refused, names the primary and is recorded")
    func notPrimary() async throws {
        let replica = Directory(world.other)
        try await withRunning(replica.module.run) {
            #expect(await replica.isReady())
            let error = await failure { try await replica.create("anna") }
            #expect(error?.reason == "NOT_PRIMARY")
            #expect(error?.metadata["primary-region"] == "eu-central-1")
            #expect(world.events("CreateUser").map(\.errorCode) == ["NOT_PRIMARY"])
        }
    }

    @Test("a restarted service and another Region hold what was written")
    func restart() async throws {
        let (ids, group) = try await world.withDirectory { directory in
            var ids: [String] = []
            for index in 0..<150 { ids.append(try await directory.create("u\(index)").user.userID) }
            let group = try await directory.createGroup("team", Array(ids.prefix(100))).group
            var update = DirectoryUpdateUserRequest()
            update.user = .named("renamed")
            update.user.userID = ids[0]
            _ = try await directory.client.updateUser(update)
            var deletion = DirectoryDeleteUserRequest()
            deletion.userID = ids[1]
            _ = try await directory.client.deleteUser(deletion)
            return (ids, group)
        }
        // After a compaction the renamed user comes behind the membership that refers to it.
        world.log.compact("control")
        for region in [world.primary, world.other] {
            let directory = Directory(region)
            try await withRunning(directory.module.run) {
                #expect(await directory.isReady())
                let status = try await directory.client.getStatus(DirectoryGetStatusRequest())
                #expect(status.state == "open")
                #expect(status.users == 149)
                #expect(status.groups == 1)
                #expect(status.memberships == 99)
                #expect(try await directory.find(.userName("renamed")).userID == ids[0])
                #expect(try await directory.groups(of: ids[0]) == [group.groupID])
                #expect(try await directory.members(of: group.groupID).count == 99)
            }
        }
    }

    @Test("a read that demands a position waits for it, and is never answered NOT_FOUND instead")
    func consistency() async throws {
        let replica = Directory(world.other)
        try await world.withDirectory { directory in
            try await withRunning(replica.module.run) {
                #expect(await replica.isReady())
                world.other.coordinator.deliver(false)
                let created = try await directory.create("anna")
                let error = await failure {
                    try await replica.get(
                        created.user.userID, atLeast: created.position,
                        timeout: .seconds(2))
                }
                #expect(error?.code == .unavailable)
                #expect(error?.reason == "NOT_REPLICATED_YET")
                async let read = replica.get(created.user.userID, atLeast: created.position)
                world.other.coordinator.deliver(true)
                let user = try await read
                #expect(user == created.user)
            }
        }
    }

    @Test("nothing is answered while the key is disabled")
    func disabledKey() async throws {
        let directory = Directory(world.primary, hold: .milliseconds(400))
        try await withRunning(directory.module.run) {
            #expect(await directory.isReady())
            let user = try await directory.create("anna").user
            world.primary.keys.fail(FakeKeys.disabled)
            let isClosed = try await eventually {
                try await directory.client.getStatus(DirectoryGetStatusRequest()).state == "closed"
            }
            #expect(isClosed)
            let read = await failure { try await directory.get(user.userID) }
            #expect(read?.code == .failedPrecondition)
            #expect(read?.reason == "DisabledException")
            let write = await failure { try await directory.create("bert") }
            #expect(write?.reason == "DisabledException")
            world.primary.keys.fail(nil)
            #expect(await directory.isReady())
            #expect(try await directory.get(user.userID) == user)
        }
    }
}
