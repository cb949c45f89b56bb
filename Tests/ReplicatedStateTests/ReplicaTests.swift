import Contracts
import RPC
import ReplicatedState
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

@Suite("A replica", .timeLimit(.minutes(2)))
struct ReplicaTests {
    let world = TwoRegions()

    @Test("a value that was moved to another key is not opened, and the replica closes")
    func movedValue() async throws {
        let writer = TextService(world.primary)
        try await withRunning(writer.run) {
            _ = try await writer.put("a", "alpha")
            _ = try await writer.put("b", "beta")
        }
        world.log.tamper("control") { entries in
            guard let a = entries.firstIndex(where: { $0.key == "a" }),
                let b = entries.firstIndex(where: { $0.key == "b" })
            else { return }
            let value = entries[a].value
            entries[a].value = entries[b].value
            entries[b].value = value
        }
        let reader = TextService(world.other)
        try await withRunning(reader.run) {
            #expect(await reader.closedReason() == "RECORD_NOT_AUTHENTIC")
            #expect(throws: RPCError.self) { try reader.text("a") }
        }
    }

    @Test("a value with another version, or cut off, or of no known data key is not opened")
    func alteredEntry() async throws {
        let writer = TextService(world.primary)
        try await withRunning(writer.run) { _ = try await writer.put("a", "alpha") }
        let intact = world.log.entries(of: "control")
        for change in 0..<3 {
            world.log.tamper("control") { entries in
                entries = intact
                switch change {
                case 0: entries[entries.count - 1].version += 1
                case 1: entries[entries.count - 1].value.removeLast(20)
                default: entries.removeAll { $0.key.hasPrefix("data-key/") }
                }
            }
            let reader = TextService(world.other)
            try await withRunning(reader.run) {
                #expect(await reader.closedReason() == "RECORD_NOT_AUTHENTIC")
            }
        }
    }

    @Test("a disabled key closes the Region within the hold, and it opens again when restored")
    func disabledKey() async throws {
        let writer = TextService(world.primary)
        let reader = TextService(world.other, hold: .milliseconds(400))
        try await withRunning(writer.run) {
            try await withRunning(reader.run) {
                let written = try await writer.put("a", "alpha")
                #expect(await reader.isOpen())
                try await reader.replica.wait(for: written.position, until: .after(.seconds(20)))
                world.other.keys.fail(FakeKeys.disabled)
                #expect(await reader.closedReason() == "DisabledException")
                let error = await failure { try reader.text("a") }
                #expect(error?.code == .failedPrecondition)
                #expect(error?.reason == "DisabledException")
                // The other Region's key is its own.
                #expect(try writer.text("a") == "alpha")
                world.other.keys.fail(nil)
                #expect(await reader.isOpen())
                #expect(try reader.text("a") == "alpha")
            }
        }
    }

    @Test("an unreachable keys service closes the Region only when the hold has ended")
    func unreachableKeys() async throws {
        let reader = TextService(world.primary, hold: .milliseconds(400))
        try await withRunning(reader.run) {
            _ = try await reader.put("a", "alpha")
            world.primary.keys.fail(RPCError(.unavailable, reason: "DOWN", message: "Down."))
            #expect(try reader.text("a") == "alpha")
            #expect(await reader.closedReason() == "KEYS_UNREACHABLE")
            world.primary.keys.fail(nil)
            #expect(await reader.isOpen())
            #expect(try reader.text("a") == "alpha")
        }
    }

    @Test("a demanded position that does not come in time is NOT_REPLICATED_YET")
    func lateReplica() async throws {
        let writer = TextService(world.primary)
        let reader = TextService(world.other)
        try await withRunning(writer.run) {
            try await withRunning(reader.run) {
                #expect(await reader.isOpen())
                world.other.coordinator.deliver(false)
                let written = try await writer.put("a", "alpha")
                let error = await failure {
                    try await reader.replica.wait(
                        for: written.position, until: .after(.milliseconds(200)))
                }
                #expect(error?.code == .unavailable)
                #expect(error?.reason == "NOT_REPLICATED_YET")
                async let waited: Void = reader.replica.wait(
                    for: written.position, until: .after(.seconds(20)))
                world.other.coordinator.deliver(true)
                try await waited
                #expect(try reader.text("a") == "alpha")
            }
        }
    }

    @Test("a position of an earlier reign counts once it is known where the later one began")
    func unknownReign() async throws {
        let service = TextService(world.primary)
        try await withRunning(service.run) {
            let written = try await service.put("a", "alpha").position
            let lost = LogPosition.with {
                $0.stream = written.stream
                $0.epoch = written.epoch
                $0.sequence = written.sequence + 100
            }
            world.log.promote("eu-central-1")
            let later = try await service.put("b", "beta").position
            #expect(later.epoch == written.epoch + 1)
            #expect(!service.replica.covers(lost))
            #expect(!service.replica.covers(written))
            let early = await failure {
                try await service.replica.wait(for: lost, until: .after(.milliseconds(200)))
            }
            #expect(early?.reason == "NOT_REPLICATED_YET")
            async let waited = failure {
                try await service.replica.wait(for: lost, until: .after(.seconds(20)))
            }
            world.primary.coordinator.tell(
                reigns: [(written.epoch, 0), (later.epoch, written.sequence)].map { epoch, after in
                    .with {
                        $0.epoch = epoch
                        $0.afterSequence = after
                    }
                })
            #expect(await waited?.reason == "POSITION_LOST")
            #expect(!service.replica.covers(lost))
            #expect(service.replica.covers(written))
        }
    }

    @Test("a Region without an instance says so, and follows once there is one")
    func noInstance() async throws {
        world.other.coordinator.setInstance(nil)
        let writer = TextService(world.primary)
        let reader = TextService(world.other)
        try await withRunning(writer.run) {
            _ = try await writer.put("a", "alpha")
            try await withRunning(reader.run) {
                #expect(await eventually { reader.replica.status.name == "not-enabled" })
                #expect(await failure { try reader.text("a") }?.reason == "REGION_NOT_ENABLED")
                world.other.coordinator.setInstance(TestRegion.instance())
                #expect(await reader.isOpen())
                let text = try reader.text("a")
                #expect(text == "alpha")
                world.other.coordinator.setInstance(nil)
                #expect(await eventually { reader.replica.status.name == "not-enabled" })
            }
        }
    }

    @Test("reads go on while the coordinator restarts, and nothing is missed")
    func coordinatorRestarts() async throws {
        let writer = TextService(world.primary)
        let reader = TextService(world.other)
        try await withRunning(writer.run) {
            try await withRunning(reader.run) {
                _ = try await writer.put("a", "alpha")
                #expect(await eventually { (try? reader.text("a")) == "alpha" })
                world.other.coordinator.cutTails()
                #expect(try reader.text("a") == "alpha")
                let written = try await writer.put("b", "beta")
                try await reader.replica.wait(for: written.position, until: .after(.seconds(20)))
                #expect(try reader.text("b") == "beta")
            }
        }
    }

    @Test("streams of all Regions are merged, each written by its own Region")
    func regionalStreams() async throws {
        let one = TextService(world.primary)
        let two = TextService(world.other)
        try await withRunning(one.run) {
            try await withRunning(two.run) {
                let first = try await one.note("one", "1")
                let second = try await two.note("two", "2")
                #expect(first.position.stream == "region/eu-central-1")
                #expect(second.position.stream == "region/us-east-1")
                for service in [one, two] {
                    for position in [first.position, second.position] {
                        try await service.replica.wait(for: position, until: .after(.seconds(20)))
                    }
                    #expect(try service.text("one") == "1")
                    #expect(try service.text("two") == "2")
                }
            }
        }
    }
}
