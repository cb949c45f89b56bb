import Contracts
import CoordinatorService
import Foundation
import RPC
import SwiftProtobuf
import Testing

@Suite("Adding a Region: preconditions")
struct AddRegionTests {
    private func problems(_ world: World, _ region: String = World.second) async throws -> [String]
    {
        let client = try world.administration()
        let error = await refusal { _ = try await client.addRegion(.with { $0.region = region }) }
        #expect(error?.reason == "REGION_PRECONDITIONS_FAILED")
        return (error?.metadata ?? [:]).filter { $0.key.hasPrefix("problem-") }.values
            .compactMap { $0.split(separator: ":").first.map(String.init) }.sorted()
    }

    @Test("everything that is missing is named at once")
    func allAtOnce() async throws {
        let world = try await World()
        _ = try await world.administration().createInstance(.with { $0.kind = .account })
        #expect(
            try await problems(world) == [
                "CUSTOMER_MANAGED_KEY_REQUIRED", "IDENTITY_SOURCE_NOT_SUPPORTED",
                "INSTANCE_KIND_NOT_SUPPORTED",
            ])
        await world.end()
    }

    @Test(
        "an Active Directory source and the built-in directory are refused",
        arguments: [CoordinatorIdentitySource.activeDirectory, .identityCenterDirectory])
    func sources(_ source: CoordinatorIdentitySource) async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        world.keys.addKey(World.keyID, in: World.second)
        _ = try await world.administration().updateInstance(.with { $0.identitySource = source })
        #expect(try await problems(world) == ["IDENTITY_SOURCE_NOT_SUPPORTED"])
        await world.end()
    }

    @Test("the key is checked where it is to be used: missing, disabled, refused by its policy")
    func key() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        #expect(try await problems(world) == ["KEY_REPLICA_MISSING"])
        world.keys.addKey(World.keyID, in: World.second, state: .disabled)
        #expect(try await problems(world) == ["KEY_REPLICA_NOT_ENABLED"])
        world.keys.addKey(World.keyID, in: World.second)
        world.keys.deny("identitystore.amazonaws.com", "kms:Decrypt", in: World.second)
        let client = try world.administration()
        let error = await refusal {
            _ = try await client.addRegion(.with { $0.region = World.second })
        }
        let text = try #require(error?.metadata["problem-1"])
        #expect(text.contains("identitystore.amazonaws.com"))
        #expect(text.contains("kms:Decrypt"))
        #expect(
            text.contains(
                "portolan key policy put \(World.keyID) --baseline-policy --region \(World.second)")
        )
        world.keys.allowAll(in: World.second)
        try await world.add(World.second)
        await world.end()
    }

    @Test("a single-Region key does not do")
    func singleRegionKey() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        let client = try world.administration()
        world.keys.addKey("11111111-1111-4111-8111-111111111111", in: World.primary)
        _ = try await client.updateInstance(
            .with { $0.kmsKeyID = "11111111-1111-4111-8111-111111111111" })
        try await eventually("the key is in force") {
            try await client.getInstance(.init()).instance.encryption.status == .enabled
        }
        #expect(try await problems(world) == ["KEY_NOT_MULTI_REGION"])
        await world.end()
    }

    @Test("a Region that is unknown, unconfigured, away or the primary is refused")
    func targets() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        #expect(try await problems(world, "mars-north-1") == ["REGION_NOT_AVAILABLE"])
        #expect(try await problems(world, "sa-east-1") == ["REGION_UNREACHABLE"])
        #expect(try await problems(world, World.primary) == ["REGION_IS_PRIMARY"])
        await world.stop(World.second)
        #expect(try await problems(world) == ["REGION_UNREACHABLE"])
        let client = try world.administration()
        let nonsense = await refusal {
            _ = try await client.addRegion(.with { $0.region = "../x" })
        }
        #expect(nonsense?.reason == "ValidationException")
        await world.end()
    }

    @Test("the quota of Regions holds")
    func quota() async throws {
        let world = try await World { $0.regionsMax = 1 }
        try await world.instanceReadyToReplicate()
        world.keys.addKey(World.keyID, in: World.second)
        #expect(try await problems(world) == ["REGION_QUOTA"])
        await world.end()
    }

    @Test("the Regions that could be added are listed with what is missing")
    func available() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        let regions = try await world.administration().listAvailableRegions(.init()).regions
        #expect(regions.count == 16)
        let second = try #require(regions.first { $0.name == World.second })
        #expect(second.reachable)
        #expect(second.problems.map(\.code) == ["KEY_REPLICA_MISSING"])
        #expect(second.problems.first?.remedy.hasPrefix("portolan key replicate mrk-") == true)
        #expect(regions.filter(\.reachable).count == 1)
        await world.end()
    }

    @Test("a refused attempt is in the trail with its reason")
    func recorded() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        _ = try await problems(world)
        let events = try await world.trail().lookUp(
            .with {
                $0.attributeName = "EventName"
                $0.attributeValue = "AddRegion"
            }
        ).events
        #expect(events.map(\.event.errorCode) == ["REGION_PRECONDITIONS_FAILED"])
        #expect(events.first?.event.actor.userName == "alice")
        #expect(events.first?.cloudtrailJson.contains(#""awsRegion":"eu-central-1""#) == true)
        await world.end()
    }
}
