import Contracts
import CoordinatorService
import Foundation
import RPC
import SwiftProtobuf
import Testing

@Suite("Region workflows")
struct RegionWorkflowTests {
    @Test("one workflow at a time; what is there already is not added again")
    func oneAtATime() async throws {
        let world = try await World([World.primary, World.second, World.third]) {
            $0.timings.workflowStallMax = .seconds(30)
        }
        try await world.instanceReadyToReplicate()
        for region in [World.second, World.third] { world.keys.addKey(World.keyID, in: region) }
        let client = try world.administration()
        _ = try await client.addRegion(.with { $0.region = World.second })
        let other = await refusal {
            _ = try await client.addRegion(.with { $0.region = World.third })
        }
        let isBusy = other?.reason == "WORKFLOW_IN_PROGRESS"
        let wasQuick = other == nil
        #expect(isBusy || wasQuick)
        try await eventually("both come to rest") {
            try await client.listRegions(.init()).regions.allSatisfy { $0.status == .active }
        }
        let again = await refusal {
            _ = try await client.addRegion(.with { $0.region = World.second })
        }
        #expect(again?.reason == "REGION_EXISTS")
        await world.end()
    }

    @Test("a restart of the primary in the middle goes on with the workflow")
    func restart() async throws {
        let world = try await World { $0.timings.workflowStallMax = .seconds(30) }
        try await world.instanceReadyToReplicate()
        try await world.append((0..<200).map { "user/\($0)" })
        world.keys.addKey(World.keyID, in: World.second)
        _ = try await world.administration().addRegion(.with { $0.region = World.second })
        await world.stop(World.primary)
        try await world.start(World.primary)
        let client = try world.administration()
        try await eventually("the Region becomes active") {
            try await client.describeRegion(.with { $0.region = World.second }).region.status
                == .active
        }
        #expect(try await world.administration().verifyRegions(.init()).equal)
        await world.end()
    }

    @Test("an addition that is on its way is cancelled, and the reason is kept")
    func cancel() async throws {
        let world = try await World { $0.timings.workflowStallMax = .seconds(60) }
        try await world.instanceReadyToReplicate()
        world.keys.addKey(World.keyID, in: World.second)
        let client = try world.administration()
        let unknown = await refusal {
            _ = try await client.cancelRegion(.with { $0.region = World.second })
        }
        #expect(unknown?.reason == "REGION_NOT_FOUND")
        _ = try await client.addRegion(.with { $0.region = World.second })
        await world.stop(World.second)
        if await refusal({ _ = try await client.cancelRegion(.with { $0.region = World.second }) })
            == nil
        {
            try await eventually("it is taken back") {
                try await client.listRegions(.init()).regions.map(\.name) == [World.primary]
            }
            let described = try await client.describeRegion(.with { $0.region = World.second })
            #expect(described.progress.failureReason.contains("Cancelled"))
            try await world.start(World.second)
            try await world.add(World.second)
        }
        let late = await refusal {
            _ = try await client.cancelRegion(.with { $0.region = World.second })
        }
        #expect(late?.reason == "REGION_NOT_ADDING")
        await world.end()
    }

    @Test("a Region that goes away while it is added fails with a reason that can be read")
    func failure() async throws {
        let world = try await World { $0.timings.workflowStallMax = .milliseconds(400) }
        try await world.instanceReadyToReplicate()
        world.keys.addKey(World.keyID, in: World.second)
        let client = try world.administration()
        _ = try await client.addRegion(.with { $0.region = World.second })
        await world.stop(World.second)
        try await eventually("the attempt ends") {
            let described = try? await client.describeRegion(.with { $0.region = World.second })
            return described?.region.status != .adding
        }
        let described = try await client.describeRegion(.with { $0.region = World.second })
        if described.region.status != .active {
            #expect(!described.hasRegion)
            #expect(!described.progress.failureReason.isEmpty)
            try await world.start(World.second)
            try await eventually("the second attempt succeeds") {
                _ = try? await client.addRegion(.with { $0.region = World.second })
                let regions = try await client.listRegions(.init()).regions
                return regions.contains { $0.name == World.second && $0.status == .active }
            }
        }
        await world.end()
    }

    @Test("a removed Region drops its data and is refused; it gets its own stream back on return")
    func removal() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        try await world.append(["user/1"])
        try await world.add(World.second)
        try await world.append(["session/1"], domain: "session", region: World.second)
        let client = try world.administration()
        let primary = await refusal {
            _ = try await client.removeRegion(.with { $0.region = World.primary })
        }
        #expect(primary?.reason == "ValidationException")
        let absent = await refusal {
            _ = try await client.removeRegion(.with { $0.region = World.third })
        }
        #expect(absent?.reason == "REGION_NOT_FOUND")
        #expect(
            try await client.removeRegion(.with { $0.region = World.second }).status == .removing)
        try await eventually("the Region is gone") {
            await refusal {
                _ = try await client.describeRegion(.with { $0.region = World.second })
            }?.reason == "REGION_NOT_FOUND"
        }
        let there = try world.log(World.second, as: "directory")
        #expect(try await there.getPositions(.init()).heads.isEmpty)
        let error = await refusal {
            _ = try await world.append(["session/2"], domain: "session", region: World.second)
        }
        #expect(error?.reason == "REGION_NOT_ENABLED")
        let names = try await world.trail(World.second).lookUp(.init()).events
            .map(\.event.eventName)
        #expect(names == ["LeaveInstance", "JoinInstance"])

        try await world.add(World.second)
        try await eventually("the Region may write again") {
            await refusal {
                _ = try await world.append(
                    ["session/2"], domain: "session", region: World.second)
            } == nil
        }
        #expect(
            try await world.keys(of: "session", in: World.second) == ["session/1", "session/2"])
        let answer = try await world.administration().verifyRegions(.init())
        #expect(answer.equal, "\(answer.differences) \(answer.regions.map(\.problem))")
        await world.end()
    }

    @Test("services that follow are told when the Region leaves")
    func resets() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        let tail = try await world.log(World.second, as: "directory").tail(
            .with {
                $0.domains = ["directory"]
                $0.follow = true
            }, options: CallOptions(timeout: .seconds(20)))
        _ = try await world.administration().removeRegion(.with { $0.region = World.second })
        var wasReset = false
        for try await message in tail {
            if case .reset = message.kind { wasReset = true }
        }
        #expect(wasReset)
        await world.end()
    }

    @Test("a Region that was away for longer than deletions are kept copies again and is equal")
    func beyondHorizon() async throws {
        let world = try await World { $0.tombstoneHorizon = .milliseconds(300) }
        try await world.instanceReadyToReplicate()
        try await world.append(["user/1", "user/2"])
        try await world.add(World.second)
        await world.stop(World.second)
        try await world.delete("user/1", version: 2)
        let client = try world.administration()
        let logID = try await world.log(as: "directory").getPositions(.init()).logID
        try await eventually("the deletion is no longer kept") {
            let tail = try await world.log(as: "directory").tail(
                .with {
                    $0.domains = ["directory"]
                    $0.logID = logID
                    $0.after = [
                        .with {
                            $0.stream = "control"
                            $0.sequence = 1
                        }
                    ]
                })
            for try await message in tail {
                if case .start(let start) = message.kind { return start.reset }
            }
            return false
        }
        try await world.start(World.second)
        let position = try await world.append(["user/3"])
        try await world.wait(for: position, in: World.second)
        #expect(
            try await world.keys(of: "directory", in: World.second) == ["user/2", "user/3"])
        #expect(try await client.verifyRegions(.init()).equal)
        await world.end()
    }

    @Test("the log stays small: superseded entries go once every Region has them")
    func compaction() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        for version in 1...50 as ClosedRange<UInt64> {
            try await world.append(["user/1"], version: version)
        }
        // After a restart nothing is answered from memory.
        await world.stop(World.primary)
        try await world.start(World.primary)
        try await eventually("the history has been compacted") {
            let copy = try await world.log(as: "directory").tail(
                .with { $0.domains = ["directory"] })
            var count = 0
            for try await message in copy { count += message.batch.entries.count }
            return count == 1
        }
        let position = try await world.append(["user/2"])
        try await world.wait(for: position, in: World.second)
        #expect(try await world.administration().verifyRegions(.init()).equal)
        await world.end()
    }
}
