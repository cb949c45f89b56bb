import Contracts
import CoordinatorService
import Foundation
import RPC
import SwiftProtobuf
import Synchronization
import Testing

/// Keys of writes that were answered.
private final class Acknowledged: Sendable {
    let keys = Mutex<[String]>([])
}

@Suite("Planned promotion")
struct PlannedPromotionTests {
    private func promote(
        _ target: String, at region: String, _ world: World
    ) async throws -> CoordinatorPromoteRegionResponse {
        try await world.administration(region).promoteRegion(.with { $0.region = target })
    }

    @Test("what cannot be promoted is refused by its reason, and the primary goes on")
    func refusals() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        let cases = [
            (World.primary, World.primary, "ALREADY_PRIMARY"),
            (World.third, World.primary, "REGION_NOT_FOUND"),
            ("nowhere", World.primary, "ValidationException"),
            (World.second, World.second, "NOT_PRIMARY"),
        ]
        for (target, asked, reason) in cases {
            let error = await refusal { _ = try await promote(target, at: asked, world) }
            #expect(error?.reason == reason)
        }
        world.keys.deny("sso.amazonaws.com", "kms:Decrypt", in: World.second)
        #expect(
            await refusal { _ = try await promote(World.second, at: World.primary, world) }?.reason
                == "REGION_PRECONDITIONS_FAILED")
        world.keys.allowAll(in: World.second)
        await world.stop(World.second)
        #expect(
            await refusal { _ = try await promote(World.second, at: World.primary, world) }?.reason
                == "REGION_PRECONDITIONS_FAILED")
        try await world.append(["user/1"])
        await world.end()
    }

    @Test("under load nothing that was acknowledged is lost, and each epoch has one writer")
    func handover() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        let acknowledged = Acknowledged()
        let writers = (0..<8).map { writer in
            Task {
                for number in 0..<1_000 {
                    let key = "user/\(writer)-\(number)"
                    do {
                        try await world.append([key])
                        acknowledged.keys.withLock { $0.append(key) }
                    } catch let error as RPCError where error.reason == "NOT_PRIMARY" {
                        #expect(error.metadata["primary-region"] == World.second)
                        return
                    }
                }
            }
        }
        try await eventually("writes are under way") {
            acknowledged.keys.withLock { $0.count > 100 }
        }
        let answer = try await promote(World.second, at: World.primary, world)
        for writer in writers { try await writer.value }
        #expect(answer.epoch == 2)
        #expect(answer.writeGapUs >= 0 && answer.writeGapUs < 5_000_000)
        #expect(answer.keys.map(\.moved) == [true, true])
        let position = try await world.append(["user/after"], region: World.second)
        #expect(position.epoch == 2)
        try await world.wait(for: position, in: World.primary)
        let kept = try await world.keys(of: "directory", in: World.second)
        #expect(kept.isSuperset(of: acknowledged.keys.withLock { $0 }))
        let verified = try await world.administration(World.second).verifyRegions(.init())
        #expect(verified.equal, "\(verified.differences)")
        for region in [World.primary, World.second] {
            let seen = try await world.administration(region).getInstance(.init())
            #expect(seen.instance.primaryRegion == World.second)
            #expect(seen.regions.filter(\.primary).map(\.name) == [World.second])
            #expect(seen.reigns.map(\.epoch) == [1, 2])
        }
        await world.end()
    }

    @Test("a third Region follows, and the role goes back again")
    func backAgain() async throws {
        let world = try await World([World.primary, World.second, World.third])
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        try await world.add(World.third)
        _ = try await promote(World.second, at: World.primary, world)
        var position = try await world.append(["user/1"], region: World.second)
        try await world.wait(for: position, in: World.third)
        let refused = await refusal { try await world.append(["user/2"], region: World.third) }
        #expect(refused?.metadata["primary-region"] == World.second)
        let answer = try await promote(World.primary, at: World.second, world)
        #expect(answer.epoch == 3)
        position = try await world.append(["user/2"])
        #expect(position.epoch == 3)
        try await world.wait(for: position, in: World.third)
        try await world.wait(for: position, in: World.second)
        #expect(try await world.administration().verifyRegions(.init()).equal)
        for (region, name) in [
            (World.primary, "PromoteRegion"), (World.second, "BecomePrimary"),
            (World.third, "FollowPrimary"),
        ] {
            let events = try await world.trail(region).lookUp(
                .with {
                    $0.attributeName = "EventName"
                    $0.attributeValue = name
                }
            ).events
            #expect(!events.isEmpty, "\(name) in \(region)")
        }
        await world.end()
    }

    @Test("after its handover a primary stays fenced over a restart")
    func restart() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        _ = try await promote(World.second, at: World.primary, world)
        await world.stop(World.second)
        await world.stop(World.primary)
        try await world.start(World.primary)
        #expect(await refusal { try await world.append(["user/1"]) }?.reason == "NOT_PRIMARY")
        try await world.start(World.second)
        let position = try await world.append(["user/1"], region: World.second)
        try await world.wait(for: position, in: World.primary)
        await world.end()
    }

    @Test("a Region can be added by the new primary, and knows the reigns")
    func addAfterwards() async throws {
        let world = try await World([World.primary, World.second, World.third])
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        _ = try await promote(World.second, at: World.primary, world)
        world.keys.addKey(World.keyID, in: World.third)
        let client = try world.administration(World.second)
        _ = try await client.addRegion(.with { $0.region = World.third })
        try await eventually("it becomes active") {
            try await client.listRegions(.init()).regions
                .first { $0.name == World.third }?.status == .active
        }
        let seen = try await world.administration(World.third).getInstance(.init())
        #expect(seen.reigns.map(\.primaryRegion) == [World.primary, World.second])
        await world.end()
    }
}
