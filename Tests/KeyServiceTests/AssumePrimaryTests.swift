import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Taking over the primary key")
struct AssumePrimaryTests {
    typealias R = TestRegions

    private func assume(_ keyID: String, _ region: String, _ regions: TestRegions) async throws
        -> KeysKeyMetadata
    {
        try await regions.management(region, service: "coordinator")
            .assumePrimary(.with { $0.keyID = keyID }).keyMetadata
    }

    @Test("unknown and single-Region keys, and replicas whose policy denies it, are refused")
    func refusals() async throws {
        let regions = try TestRegions()
        await expectError("NotFoundException", .notFound) {
            _ = try await assume("mrk-00000000000000000000000000000000", R.away, regions)
        }
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
            _ = try await assume(key.keyID, R.away, regions)
        }
        #expect(try await regions.describe(key.keyID, R.away).multiRegionKeyType == .replica)
    }

    @Test("a former primary follows when it returns, and gives up what nobody else has")
    func follows() async throws {
        let regions = try TestRegions([R.home, R.away, R.third])
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        _ = try await regions.replicate(key.keyID, to: R.third)
        let blob = try await regions.encrypt("x", key.keyID)
        regions.setReachable(R.home, false)
        #expect(try await assume(key.keyID, R.away, regions).multiRegionKeyType == .primary)
        // Repeating it changes nothing.
        _ = try await assume(key.keyID, R.away, regions)
        await (try regions.module(R.away)).maintenance.runOnce()
        #expect(try await regions.describe(key.keyID, R.third).primaryKey.region == R.away)
        regions.setReachable(R.home, true)
        #expect(try await regions.describe(key.keyID, R.home).multiRegionKeyType == .primary)
        await (try regions.module(R.away)).maintenance.runOnce()
        for region in [R.home, R.away, R.third] {
            let metadata = try await regions.describe(key.keyID, region)
            #expect(metadata.keyState == .enabled)
            #expect(metadata.primaryKey.region == R.away)
            #expect(metadata.replicaKeys.map(\.region) == [R.home, R.third])
            #expect(try await regions.decrypt(blob, region: region) == "x")
        }
        _ = try await regions.management(R.away).updatePrimaryRegion(
            .with {
                $0.keyID = key.keyID
                $0.primaryRegion = R.home
            })
        #expect(try await regions.describe(key.keyID).multiRegionKeyType == .primary)
    }
}
