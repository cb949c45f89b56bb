import Contracts
import CoordinatorService
import Foundation
import RPC
import SwiftProtobuf
import Testing

@Suite("Replication between Regions")
struct ReplicationTests {
    private func worldOfTwo() async throws -> World {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        return world
    }

    @Test("what was there before, and what comes later, reaches the added Region")
    func copies() async throws {
        let world = try await worldOfTwo()
        try await world.append((0..<500).map { "user/\($0)" })
        try await world.add(World.second)
        #expect(try await world.keys(of: "directory", in: World.second).count == 500)
        let position = try await world.append(["user/later"])
        try await world.wait(for: position, in: World.second)
        #expect(try await world.keys(of: "directory", in: World.second).contains("user/later"))
        let there = try await world.administration(World.second).getInstance(.init())
        #expect(there.instance.instanceArn.isEmpty == false)
        #expect(there.regions.map(\.name) == [World.primary, World.second])
        #expect(there.region == World.second)
        await world.end()
    }

    @Test("control writes in the additional Region are refused, naming the primary")
    func readOnly() async throws {
        let world = try await worldOfTwo()
        try await world.add(World.second)
        let error = await refusal {
            _ = try await world.append(["user/1"], region: World.second)
        }
        #expect(error?.code == .failedPrecondition)
        #expect(error?.reason == "NOT_PRIMARY")
        #expect(error?.metadata["primary-region"] == World.primary)
        #expect(error?.metadata["primary-address"] == "\(World.primary):7104")
        #expect(error?.metadata["primary-portal-url"] == "https://\(World.primary).portal")
        let client = try world.administration(World.second)
        for refused in [
            await refusal { _ = try await client.updateInstance(.with { $0.name = "x" }) },
            await refusal { _ = try await client.addRegion(.with { $0.region = World.third }) },
            await refusal { _ = try await client.removeRegion(.with { $0.region = World.second }) },
        ] {
            #expect(refused?.reason == "NOT_PRIMARY")
        }
        #expect(
            await refusal { _ = try await client.createInstance(.init()) }?.reason
                == "INSTANCE_EXISTS")
        await world.end()
    }

    @Test("what a Region writes itself reaches the others, without conflict")
    func regional() async throws {
        let world = try await worldOfTwo()
        try await world.add(World.second)
        let here = try await world.append(["session/1"], domain: "session")
        let there = try await world.append(
            ["session/1"], domain: "session", region: World.second)
        #expect(here.stream == "region/\(World.primary)")
        #expect(there.stream == "region/\(World.second)")
        try await world.wait(for: here, in: World.second)
        try await world.wait(for: there, in: World.primary)
        let answer = try await world.administration().verifyRegions(.init())
        #expect(answer.equal, "\(answer.differences) \(answer.regions.map(\.problem))")
        #expect(answer.compared > 6)
        await world.end()
    }

    @Test("three Regions form a mesh and are equal")
    func mesh() async throws {
        let world = try await World([World.primary, World.second, World.third])
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        try await world.add(World.third)
        let position = try await world.append(
            ["session/x"], domain: "session", region: World.second)
        try await world.wait(for: position, in: World.third)
        let answer = try await world.administration(World.third).verifyRegions(.init())
        #expect(answer.equal, "\(answer.differences) \(answer.regions.map(\.problem))")
        #expect(answer.regions.count == 3)
        await world.end()
    }

    @Test("a Region that was away catches up from where it durably stood")
    func restart() async throws {
        let world = try await worldOfTwo()
        try await world.append(["user/1"])
        try await world.add(World.second)
        await world.stop(World.second)
        let position = try await world.append((0..<300).map { "late/\($0)" })
        try await world.start(World.second)
        try await world.wait(for: position, in: World.second)
        #expect(try await world.keys(of: "directory", in: World.second).count == 301)
        #expect(try await world.administration().verifyRegions(.init()).equal)
        await world.end()
    }

    @Test("the primary comes back with all it acknowledged, and replication goes on")
    func primaryRestart() async throws {
        let world = try await worldOfTwo()
        try await world.add(World.second)
        let before = try await world.append(["user/1"])
        await world.stop(World.primary)
        #expect(
            try await world.administration(World.second).getInstance(.init()).hasInstance)
        let session = try await world.append(
            ["session/while-away"], domain: "session", region: World.second)
        try await world.start(World.primary)
        try await world.wait(for: before, in: World.primary)
        try await world.wait(for: session, in: World.primary)
        let after = try await world.append(["user/2"])
        try await world.wait(for: after, in: World.second)
        #expect(try await world.administration().verifyRegions(.init()).equal)
        await world.end()
    }

    @Test("a partition heals, and lag and connection show in the status")
    func partition() async throws {
        let world = try await worldOfTwo()
        try await world.add(World.second)
        let client = try world.administration()
        func replica() async throws -> CoordinatorGetReplicationStatusResponse.ReplicaStatus? {
            try await client.getReplicationStatus(.init()).replicas.first
        }
        try await eventually("the Region is connected and its lag known") {
            let status = try await replica()
            return status?.connected == true && (status?.lagUs ?? -1) >= 0
        }
        await world.cut(World.second)
        let reopened = try world.administration()
        let position = try await world.append(["user/1"])
        try await eventually("the Region shows as not connected") {
            let status = try await reopened.getReplicationStatus(.init()).replicas.first
            return status?.connected == false && (status?.entriesBehind ?? 0) > 0
                && status?.problem.isEmpty == false
        }
        await world.cut(World.second, false)
        try await world.wait(for: position, in: World.second)
        try await eventually("the Region is connected again") {
            let status = try await reopened.getReplicationStatus(.init()).replicas.first
            return status?.connected == true && status?.problem.isEmpty == true
        }
        await world.end()
    }

    @Test("a Region that holds something else at the same position is found and named")
    func divergence() async throws {
        let world = try await worldOfTwo()
        let position = try await world.append(["user/1"])
        try await world.add(World.second)
        await world.stop(World.second)
        try await world.forge("user/forged", after: position, in: World.second)
        try await world.append(["user/2"])
        try await world.start(World.second)
        let answer = try await world.administration().verifyRegions(.init())
        #expect(!answer.equal)
        let difference = try #require(answer.differences.first)
        #expect(difference.region == World.second)
        #expect(difference.stream == "control")
        #expect(answer.differences.contains { $0.domain == "directory" })
        await world.end()
    }

    @Test("a copy that differs raises an alarm and is copied again by itself")
    func repair() async throws {
        let world = try await World { $0.timings.verification = .milliseconds(100) }
        try await world.instanceReadyToReplicate()
        let position = try await world.append(["user/1"])
        try await world.add(World.second)
        await world.stop(World.second)
        try await world.forge("user/forged", after: position, in: World.second)
        try await world.append(["user/2"])
        try await world.start(World.second)
        try await eventually("the alarm is in the trail") {
            try await world.trail(World.second).lookUp(.init()).events
                .contains { $0.event.eventName == "ReplicaDiverged" }
        }
        try await eventually("the copy is equal again") {
            try await world.keys(of: "directory", in: World.second) == ["user/1", "user/2"]
        }
        #expect(try await world.administration().verifyRegions(.init()).equal)
        await world.end()
    }

    @Test(
        "a bit that flips on a disk is put back from another Region, in a copy and in the primary",
        arguments: [World.primary, World.second])
    func damage(_ region: String) async throws {
        let world = try await worldOfTwo()
        try await world.append((0..<20).map { "user/\($0)" })
        try await world.add(World.second)
        let position = try await world.append(["user/later"])
        try await world.wait(for: position, in: World.second)
        await world.stop(region)
        #expect(try world.spoil("user/later", in: region) == 1)
        try await world.start(region)
        try await eventually("what is stored can be read") {
            (try? await world.keys(of: "directory", in: region).count) == 21
        }
        // The key can be changed again: what is replaced is what was written.
        try await world.append(["user/later"], version: 2)
        let equal = try await world.administration().verifyRegions(.init())
        #expect(equal.equal)
        let events = try await world.trail(region).lookUp(
            .with {
                $0.attributeName = "EventName"
                $0.attributeValue = "StorageDamaged"
            })
        #expect(events.events.count == 1)
        #expect(events.events.first?.cloudtrailJson.contains("put back as") == true)
        await world.end()
    }

    @Test("Regions outside the instance get nothing, whatever they say")
    func strangers() async throws {
        let world = try await World([World.primary, World.second, World.third])
        try await world.instanceReadyToReplicate()
        let logID = try await world.log(as: "directory").getPositions(.init()).logID
        func subscribe(
            as sender: String, naming region: String, _ logID: String
        ) async throws -> String? {
            let client = try world.replication(World.primary, from: sender)
            return await refusal {
                let stream = try await client.subscribe(
                    .with {
                        $0.region = region
                        $0.logID = logID
                    })
                for try await _ in stream {}
            }?.reason
        }
        #expect(
            try await subscribe(as: World.third, naming: World.third, logID) == "REGION_NOT_MEMBER")
        #expect(
            try await subscribe(as: World.third, naming: World.second, logID) == "REGION_MISMATCH")
        #expect(
            try await subscribe(as: World.second, naming: World.second, "other") == "LOG_MISMATCH")
        let acknowledge = await refusal {
            _ = try await world.replication(World.primary, from: World.third).acknowledge(
                .with { $0.region = World.third })
        }
        #expect(acknowledge?.reason == "REGION_NOT_MEMBER")
        await world.end()
    }

    @Test("only the primary makes a Region join or leave, and no Region takes on a second instance")
    func membership() async throws {
        let world = try await World([World.primary, World.second, World.third])
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        let logID = try await world.log(as: "directory").getPositions(.init()).logID
        let foreign = await refusal {
            _ = try await world.replication(World.second, from: World.third).leaveInstance(
                .with { $0.logID = logID })
        }
        #expect(foreign?.reason == "WRONG_WRITER")
        let takeover = await refusal {
            _ = try await world.replication(World.second, from: World.third).joinInstance(
                .with {
                    $0.logID = "another"
                    $0.epoch = 1
                    $0.primaryRegion = World.third
                })
        }
        #expect(takeover?.reason == "LOG_MISMATCH")
        let posing = await refusal {
            _ = try await world.replication(World.second, from: World.third).joinInstance(
                .with {
                    $0.logID = logID
                    $0.epoch = 9
                    $0.primaryRegion = World.primary
                })
        }
        #expect(posing?.reason == "REGION_MISMATCH")
        await world.end()
    }
}
