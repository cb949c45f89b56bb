import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Change of the primary Region")
struct PrimaryRegionTests {
    typealias R = TestRegions

    private func move(_ keyID: String, to region: String, _ regions: TestRegions) async throws {
        _ = try await regions.management().updatePrimaryRegion(
            .with {
                $0.keyID = keyID
                $0.primaryRegion = region
            })
    }

    @Test("a Region without a replica, a replica and a disabled replica are refused")
    func refusals() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        await expectError("ValidationException") {
            try await move(key.keyID, to: R.away, regions)
        }
        _ = try await regions.replicate(key.keyID)
        await expectError("UnsupportedOperationException") {
            try await regions.management(R.away).updatePrimaryRegion(
                .with {
                    $0.keyID = key.keyID
                    $0.primaryRegion = R.home
                })
        }
        try await regions.disable(key.keyID, R.away)
        await expectError("DisabledException") { try await move(key.keyID, to: R.away, regions) }
        let after = try await regions.describe(key.keyID)
        #expect(after.keyState == .enabled)
        #expect(after.primaryKey.region == R.home)
    }

    @Test("the replica's own policy must allow it too")
    func policyOfReplica() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        let denying = """
            {"Version": "2012-10-17", "Statement": [
             {"Effect": "Allow", "Action": "kms:*", "Resource": "*",
              "Principal": {"AWS": "arn:aws:iam::\(account):root"}},
             {"Effect": "Deny", "Action": "kms:UpdatePrimaryRegion", "Resource": "*",
              "Principal": "*"}]}
            """
        _ = try await regions.replicate(key.keyID, policy: denying)
        await expectError("AccessDeniedException") {
            try await move(key.keyID, to: R.away, regions)
        }
        #expect(try await regions.describe(key.keyID, R.away).multiRegionKeyType == .replica)
    }

    @Test("roles change places, all Regions agree, and ciphertext stays readable")
    func change() async throws {
        let regions = try TestRegions([R.home, R.away, R.third])
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        _ = try await regions.replicate(key.keyID, to: R.third)
        let blob = try await regions.encrypt("x", key.keyID)
        try await move(key.keyID, to: R.away, regions)
        await (try regions.module(R.away)).maintenance.runOnce()
        for region in [R.home, R.away, R.third] {
            let metadata = try await regions.describe(key.keyID, region)
            #expect(metadata.keyState == .enabled)
            #expect(metadata.primaryKey.region == R.away)
            #expect(metadata.replicaKeys.map(\.region) == [R.home, R.third])
            #expect(try await regions.decrypt(blob, region: region) == "x")
        }
        // The new primary rotates, the old one does not any more.
        await expectError("UnsupportedOperationException") {
            try await regions.management().rotateKeyOnDemand(.with { $0.keyID = key.keyID })
        }
        _ = try await regions.management(R.away).rotateKeyOnDemand(.with { $0.keyID = key.keyID })
        let new = try await regions.encrypt("new", key.keyID, region: R.away)
        #expect(try CiphertextBlob(new).materialID != CiphertextBlob(blob).materialID)
        #expect(try await regions.decrypt(new) == "new")
    }

    @Test("when the other Region does not answer the key stays usable, and the change ends later")
    func interrupted() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        regions.setReachable(R.away, false)
        await expectError("REGION_UNREACHABLE", .unavailable) {
            try await move(key.keyID, to: R.away, regions)
        }
        #expect(try await regions.describe(key.keyID).keyState == .updating)
        let blob = try await regions.encrypt("x", key.keyID)
        regions.stop(R.home)
        try regions.start(R.home)
        #expect(try await regions.describe(key.keyID).keyState == .updating)
        regions.setReachable(R.away, true)
        await (try regions.module(R.home)).maintenance.runOnce()
        let after = try await regions.describe(key.keyID)
        #expect(after.keyState == .enabled)
        #expect(after.multiRegionKeyType == .replica)
        #expect(try await regions.describe(key.keyID, R.away).multiRegionKeyType == .primary)
        #expect(try await regions.decrypt(blob, region: R.away) == "x")
    }
}
