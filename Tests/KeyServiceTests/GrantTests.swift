import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Grants, tags and descriptions")
struct GrantTests {
    typealias R = TestRegions

    let regions: TestRegions
    static let guest = "arn:aws:iam::\(account):user/guest"

    init() throws { regions = try TestRegions([R.home]) }

    private func grant(
        _ keyID: String, _ operations: [String] = ["Encrypt", "Decrypt"],
        subset: [String: String] = [:], equals: [String: String] = [:], retiring: String = "",
        name: String = "", as caller: String = "ada"
    ) async throws -> KeysCreateGrantResponse {
        try await regions.management(as: caller).createGrant(
            .with {
                $0.keyID = keyID
                $0.granteePrincipal = Self.guest
                $0.retiringPrincipal = retiring
                $0.operations = operations
                $0.name = name
                $0.constraints.encryptionContextSubset = subset
                $0.constraints.encryptionContextEquals = equals
            })
    }

    @Test("operations nobody knows, principals that are none and callers without right are refused")
    func refusals() async throws {
        let key = try await regions.makeKey()
        for operations in [[], ["Everything"], ["Decrypt", "ScheduleKeyDeletion"]] {
            await expectError("ValidationException") { try await grant(key.keyID, operations) }
        }
        await expectError("InvalidArnException") {
            try await regions.management().createGrant(
                .with {
                    $0.keyID = key.keyID
                    $0.granteePrincipal = "guest"
                    $0.operations = ["Decrypt"]
                })
        }
        await expectError("AccessDeniedException") { try await grant(key.keyID, as: "guest") }
        let signing = try await regions.makeKey(spec: .eccNistP256)
        await expectError("ValidationException") {
            try await grant(signing.keyID, ["Sign"], equals: ["a": "1"])
        }
    }

    @Test("a grantee does what was granted, nothing else, until the grant is revoked")
    func use() async throws {
        let key = try await regions.makeKey()
        let own = try await regions.encrypt("x", key.keyID)
        await expectError("AccessDeniedException") { try await regions.decrypt(own, as: "guest") }
        let made = try await grant(key.keyID, ["Decrypt"])
        #expect(try await regions.decrypt(own, as: "guest") == "x")
        await expectError("AccessDeniedException") {
            try await regions.encrypt("y", key.keyID, as: "guest")
        }
        await expectError("AccessDeniedException") {
            try await regions.decrypt(own, as: "stranger")
        }
        regions.stop(R.home)
        try regions.start(R.home)
        #expect(try await regions.decrypt(own, as: "guest") == "x")
        _ = try await regions.management().revokeGrant(
            .with {
                $0.keyID = key.keyID
                $0.grantID = made.grantID
            })
        await expectError("AccessDeniedException") { try await regions.decrypt(own, as: "guest") }
        #expect(
            try await regions.management().listGrants(.with { $0.keyID = key.keyID }).grants.isEmpty
        )
    }

    @Test("constraints ask for pairs of the encryption context, exactly or at least")
    func constraints() async throws {
        let key = try await regions.makeKey()
        _ = try await grant(key.keyID, ["Encrypt"], equals: ["team": "a"])
        _ = try await regions.encrypt("x", key.keyID, ["team": "a"], as: "guest")
        for context in [[:], ["team": "b"], ["Team": "a"], ["team": "a", "more": "1"]] {
            await expectError("AccessDeniedException") {
                try await regions.encrypt("x", key.keyID, context, as: "guest")
            }
        }
        let other = try await regions.makeKey()
        _ = try await grant(other.keyID, ["Encrypt"], subset: ["team": "a"])
        _ = try await regions.encrypt("x", other.keyID, ["team": "a", "more": "1"], as: "guest")
        await expectError("AccessDeniedException") {
            try await regions.encrypt("x", other.keyID, ["more": "1"], as: "guest")
        }
    }

    @Test("an explicit deny of the policy wins over a grant")
    func denied() async throws {
        let policy = """
            {"Version": "2012-10-17", "Statement": [
             {"Effect": "Allow", "Action": "kms:*", "Resource": "*",
              "Principal": {"AWS": "arn:aws:iam::\(account):root"}},
             {"Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*",
              "Principal": {"AWS": "\(Self.guest)"}}]}
            """
        let key = try await regions.makeKey(policy: policy)
        _ = try await grant(key.keyID, ["Encrypt"])
        await expectError("AccessDeniedException") {
            try await regions.encrypt("x", key.keyID, as: "guest")
        }
    }

    @Test("the retiring principal retires by token, and others do not")
    func retirement() async throws {
        let key = try await regions.makeKey()
        let made = try await grant(
            key.keyID, retiring: "arn:aws:iam::\(account):user/leaver")
        await expectError("InvalidGrantTokenException") {
            try await regions.management().retireGrant(.with { $0.grantToken = "x" })
        }
        for name in ["guest", "stranger"] {
            await expectError("AccessDeniedException") {
                try await regions.management(as: name).retireGrant(
                    .with { $0.grantToken = made.grantToken })
            }
        }
        _ = try await regions.management(as: "leaver").retireGrant(
            .with { $0.grantToken = made.grantToken })
        #expect(
            try await regions.management().listGrants(.with { $0.keyID = key.keyID }).grants.isEmpty
        )
    }

    @Test("the same request under the same name gives the same grant")
    func names() async throws {
        let key = try await regions.makeKey()
        let first = try await grant(key.keyID, name: "n")
        #expect(try await grant(key.keyID, name: "n").grantID == first.grantID)
        #expect(try await grant(key.keyID).grantID != first.grantID)
    }

    @Test("tags have bounds, can be removed, and policies may ask about them")
    func tags() async throws {
        let policy = """
            {"Version": "2012-10-17", "Statement": [
             {"Effect": "Allow", "Action": "kms:*", "Resource": "*",
              "Principal": {"AWS": "arn:aws:iam::\(account):root"}},
             {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*",
              "Principal": {"AWS": "\(Self.guest)"},
              "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}}]}
            """
        let key = try await regions.makeKey(policy: policy)
        let management = try regions.management()
        func tag(_ name: String, _ value: String) async throws {
            _ = try await management.tagResource(
                .with {
                    $0.keyID = key.keyID
                    $0.tags = [
                        .with {
                            $0.key = name
                            $0.value = value
                        }
                    ]
                })
        }
        for name in ["", "aws:x", String(repeating: "k", count: 129)] {
            await expectError("TagException") { try await tag(name, "v") }
        }
        await expectError("TagException") {
            try await tag("k", String(repeating: "v", count: 257))
        }
        await expectError("AccessDeniedException") {
            try await regions.encrypt("x", key.keyID, as: "guest")
        }
        try await tag("team", "a")
        _ = try await regions.encrypt("x", key.keyID, as: "guest")
        _ = try await management.untagResource(
            .with {
                $0.keyID = key.keyID
                $0.tagKeys = ["team"]
            })
        await expectError("AccessDeniedException") {
            try await regions.encrypt("x", key.keyID, as: "guest")
        }
        for index in 0..<50 { try await tag("k\(index)", "v") }
        await expectError("LimitExceededException") { try await tag("one more", "v") }
        let tags = try await management.listResourceTags(.with { $0.keyID = key.keyID }).tags
        #expect(tags.count == 50)
    }

    @Test("an alias moves to another key of its kind, and a description changes")
    func naming() async throws {
        let first = try await regions.makeKey()
        let second = try await regions.makeKey()
        let signing = try await regions.makeKey(spec: .eccNistP256)
        _ = try await regions.management().createAlias(
            .with {
                $0.aliasName = "alias/x"
                $0.targetKeyID = first.keyID
            })
        await expectError("ValidationException") {
            try await regions.management().updateAlias(
                .with {
                    $0.aliasName = "alias/x"
                    $0.targetKeyID = signing.keyID
                })
        }
        await expectError("NotFoundException") {
            try await regions.management().updateAlias(
                .with {
                    $0.aliasName = "alias/none"
                    $0.targetKeyID = second.keyID
                })
        }
        _ = try await regions.management().updateAlias(
            .with {
                $0.aliasName = "alias/x"
                $0.targetKeyID = second.keyID
            })
        _ = try await regions.management().updateKeyDescription(
            .with {
                $0.keyID = second.keyID
                $0.description_p = "payroll"
            })
        regions.stop(R.home)
        try regions.start(R.home)
        let found = try await regions.describe("alias/x")
        #expect(found.keyID == second.keyID)
        #expect(found.description_p == "payroll")
        let policies = try await regions.management().listKeyPolicies(
            .with { $0.keyID = second.keyID })
        #expect(policies.policyNames == ["default"])
    }
}
