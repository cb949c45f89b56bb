import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Related keys")
struct RelatedKeyTests {
    typealias R = TestRegions

    @Test("each Region learns of the other's state and of what differs between the policies")
    func drift() async throws {
        let regions = try TestRegions()
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        func related(_ region: String) async throws -> KeysGetRelatedKeysResponse.RelatedKey {
            let answer = try await regions.management(region).getRelatedKeys(
                .with { $0.keyID = key.keyID })
            return try #require(answer.relatedKeys.first)
        }
        let fresh = try await related(R.home)
        #expect(fresh.region == R.away && !fresh.primary)
        #expect(fresh.keyState == .enabled)
        #expect(fresh.policyDifferences.isEmpty)
        #expect(try await related(R.away).primary)

        _ = try await regions.management(R.away).putKeyPolicy(
            .with {
                $0.keyID = key.keyID
                $0.policy = """
                    {"Version":"2012-10-17","Statement":[{"Sid":"Own","Effect":"Allow",
                     "Principal":{"AWS":"\(account)"},"Action":"kms:*","Resource":"*"}]}
                    """
            })
        try await regions.disable(key.keyID, R.away)
        let synchronizer = try regions.module(R.home).maintenance.synchronizer
        synchronizer.markAll()
        await synchronizer.synchronize()
        let changed = try await related(R.home)
        #expect(changed.keyState == .disabled)
        #expect(changed.policyDifferences.contains { $0.hasPrefix("+ Own") })
        let seenThere = try await related(R.away)
        #expect(seenThere.keyState == .enabled)
        #expect(seenThere.policyDifferences.contains { $0.hasPrefix("- Own") })
    }

    @Test("a Region that was not heard of says so, and a key of one Region has no relatives")
    func unheard() async throws {
        let regions = try TestRegions()
        let single = try await regions.makeKey(multiRegion: false)
        #expect(
            try await regions.management().getRelatedKeys(.with { $0.keyID = single.keyID })
                .relatedKeys.isEmpty)
        let key = try await regions.makeKey()
        _ = try await regions.replicate(key.keyID)
        regions.stop(R.home)
        regions.setReachable(R.away, false)
        try regions.start(R.home)
        let answer = try await regions.management().getRelatedKeys(.with { $0.keyID = key.keyID })
        #expect(answer.relatedKeys.first?.heardOfAtUs == 0)
        #expect(answer.relatedKeys.first?.keyState == .unspecified)
        await expectError("AccessDeniedException") {
            try await regions.management(as: "stranger").getRelatedKeys(
                .with { $0.keyID = key.keyID })
        }
    }
}
