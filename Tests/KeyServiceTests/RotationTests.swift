import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Rotation of keys")
struct RotationTests {
    typealias R = TestRegions

    private func rotations(
        _ keyID: String, _ regions: TestRegions, _ region: String = R.home
    ) async throws -> [KeysListKeyRotationsResponse.Rotation] {
        try await regions.management(region).listKeyRotations(
            .with {
                $0.keyID = keyID
                $0.includeKeyMaterial = true
            }
        ).rotations
    }

    @Test("a period outside 90 to 2560 days, a signing key and a replica are refused")
    func refusals() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        for days: UInt32 in [1, 89, 2561] {
            await expectError("ValidationException", .invalidArgument) {
                try await regions.management().enableKeyRotation(
                    .with {
                        $0.keyID = key.keyID
                        $0.rotationPeriodDays = days
                    })
            }
        }
        let signing = try await regions.makeKey(spec: .eccNistP256)
        await expectError("UnsupportedOperationException") {
            try await regions.management().rotateKeyOnDemand(.with { $0.keyID = signing.keyID })
        }
        _ = try await regions.replicate(key.keyID)
        for operation in ["enable", "disable", "rotate"] {
            await expectError("UnsupportedOperationException") {
                let management = try regions.management(R.away)
                switch operation {
                case "enable":
                    _ = try await management.enableKeyRotation(.with { $0.keyID = key.keyID })
                case "disable":
                    _ = try await management.disableKeyRotation(.with { $0.keyID = key.keyID })
                default: _ = try await management.rotateKeyOnDemand(.with { $0.keyID = key.keyID })
                }
            }
        }
    }

    @Test("old ciphertext opens after a rotation, new ciphertext is of new material")
    func onDemand() async throws {
        let regions = try TestRegions([R.home])
        let key = try await regions.makeKey()
        let old = try await regions.encrypt("old", key.keyID)
        _ = try await regions.management().rotateKeyOnDemand(.with { $0.keyID = key.keyID })
        let new = try await regions.encrypt("new", key.keyID)
        #expect(try CiphertextBlob(old).materialID != CiphertextBlob(new).materialID)
        regions.stop(R.home)
        try regions.start(R.home)
        #expect(try await regions.decrypt(old) == "old")
        #expect(try await regions.decrypt(new) == "new")
        let all = try await rotations(key.keyID, regions)
        #expect(all.map(\.rotationType) == [.unspecified, .onDemand])
        #expect(all.map(\.current) == [false, true])
    }

    @Test("new material is not used before every replica has it, and all versions reach replicas")
    func replicas() async throws {
        let regions = try TestRegions([R.home, R.away, R.third])
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        let old = try await regions.encrypt("old", key.keyID)
        regions.setReachable(R.away, false)
        _ = try await regions.management().rotateKeyOnDemand(.with { $0.keyID = key.keyID })
        let during = try await regions.encrypt("during", key.keyID)
        #expect(try CiphertextBlob(during).materialID == CiphertextBlob(old).materialID)
        await expectError("ConflictException", .aborted) {
            try await regions.management().rotateKeyOnDemand(.with { $0.keyID = key.keyID })
        }
        #expect(try await rotations(key.keyID, regions).map(\.pending) == [false, true])
        regions.setReachable(R.away, true)
        await (try regions.module(R.home)).maintenance.runOnce()
        let new = try await regions.encrypt("new", key.keyID)
        #expect(try CiphertextBlob(new).materialID != CiphertextBlob(old).materialID)
        #expect(try await regions.decrypt(new, region: R.away) == "new")
        let away = try await regions.encrypt("away", key.keyID, region: R.away)
        #expect(try CiphertextBlob(away).materialID == CiphertextBlob(new).materialID)
        _ = try await regions.replicate(key.keyID, to: R.third)
        for (blob, text) in [(old, "old"), (new, "new"), (away, "away")] {
            #expect(try await regions.decrypt(blob, region: R.third) == text)
        }
        regions.stop(R.away)
        try regions.start(R.away)
        #expect(try await regions.decrypt(new, region: R.away) == "new")
    }

    @Test("automatic rotation happens when it is due, not before, and not while disabled")
    func automatic() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        _ = try await regions.management().enableKeyRotation(
            .with {
                $0.keyID = key.keyID
                $0.rotationPeriodDays = 90
            })
        // A shared property: the replica says the same.
        let status = try await regions.management(R.away).getKeyRotationStatus(
            .with { $0.keyID = key.keyID })
        #expect(status.rotationEnabled && status.rotationPeriodDays == 90)
        #expect(status.nextRotationAtUs == regions.clock.now + 90 * 86_400_000_000)
        let maintenance = try regions.module(R.home).maintenance
        regions.clock.advance(days: 89)
        await maintenance.runOnce()
        #expect(try await rotations(key.keyID, regions).count == 1)
        try await regions.disable(key.keyID)
        regions.clock.advance(days: 2)
        await maintenance.runOnce()
        #expect(try await rotations(key.keyID, regions).count == 1)
        _ = try await regions.management().enableKey(.with { $0.keyID = key.keyID })
        await maintenance.runOnce()
        await maintenance.runOnce()
        let home = try await rotations(key.keyID, regions)
        #expect(home.map(\.rotationType) == [.unspecified, .automatic])
        #expect(home.last?.current == true)
        #expect(
            try await rotations(key.keyID, regions, R.away).map(\.keyMaterialID)
                == home.map(\.keyMaterialID))
        _ = try await regions.management().disableKeyRotation(.with { $0.keyID = key.keyID })
        regions.clock.advance(days: 200)
        await maintenance.runOnce()
        #expect(try await rotations(key.keyID, regions).count == 2)
    }

    @Test("a Region that is not the primary's cannot give a replica material")
    func foreignMaterial() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        let third = KeysKeyTransferClient(
            try regions.channel(R.away, from: .service(name: "keys", region: R.third)))
        await expectError("NotFoundException") {
            try await third.offerTransfer(
                .with {
                    $0.keyID = key.keyID
                    $0.sourceRegion = R.third
                    $0.update = true
                })
        }
    }
}
