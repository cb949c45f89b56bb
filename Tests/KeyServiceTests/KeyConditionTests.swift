import Contracts
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf
import Testing

@testable import KeyService

/// Conditions on the key itself, on how it is named, and on the caller.
@Suite("Conditions on keys and callers")
struct KeyConditionTests {
    let regions: TestRegions

    init() throws { regions = try TestRegions([TestRegions.home]) }

    private func key(_ condition: String) async throws -> KeysKeyMetadata {
        try await regions.makeKey(multiRegion: false, policy: Self.policy(condition))
    }

    private static func policy(_ condition: String, principal: String = "user/guest") -> String {
        """
        {"Version": "2012-10-17", "Statement": [
          {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::\(account):user/ada"},
           "Action": "kms:*", "Resource": "*"},
          {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::\(account):\(principal)"},
           "Action": "kms:*", "Resource": "*", "Condition": {\(condition)}}]}
        """
    }

    private func encrypt(_ name: String) async throws {
        _ = try await regions.encrypt("x", name, as: "guest")
    }

    private func createAlias(_ name: String, _ key: KeysKeyMetadata) async throws {
        _ = try await regions.management().createAlias(
            .with {
                $0.aliasName = name
                $0.targetKeyID = key.keyID
            })
    }

    @Test("kms:RequestAlias is the alias that the request names, not one that the key has")
    func requestAlias() async throws {
        let key = try await key(#""StringEquals": {"kms:RequestAlias": "alias/blue"}"#)
        try await createAlias("alias/blue", key)
        try await createAlias("alias/red", key)
        for _ in 0..<3 {
            await expectError("AccessDeniedException") { try await encrypt(key.keyID) }
            await expectError("AccessDeniedException") { try await encrypt(key.arn) }
            await expectError("AccessDeniedException") { try await encrypt("alias/red") }
            try await encrypt("alias/blue")
            try await encrypt("arn:aws:kms:\(TestRegions.home):\(account):alias/blue")
        }
    }

    @Test("kms:ResourceAliases follows the key's aliases at once")
    func resourceAliases() async throws {
        let key = try await key(
            #""ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/blue"}"#)
        await expectError("AccessDeniedException") { try await encrypt(key.keyID) }
        try await createAlias("alias/red", key)
        await expectError("AccessDeniedException") { try await encrypt(key.keyID) }
        try await createAlias("alias/blue", key)
        for _ in 0..<3 { try await encrypt(key.keyID) }
        try await encrypt("alias/red")
        _ = try await regions.management().deleteAlias(.with { $0.aliasName = "alias/blue" })
        await expectError("AccessDeniedException") { try await encrypt(key.keyID) }
        try await createAlias("alias/blue", key)
        let other = try await regions.makeKey(multiRegion: false)
        _ = try await regions.management().updateAlias(
            .with {
                $0.aliasName = "alias/blue"
                $0.targetKeyID = other.keyID
            })
        await expectError("AccessDeniedException") { try await encrypt(key.keyID) }
    }

    @Test("kms:ResourceAliases is known after a restart")
    func restart() async throws {
        let key = try await key(
            #""ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/blue"}"#)
        try await createAlias("alias/blue", key)
        regions.stop(TestRegions.home)
        try regions.start(TestRegions.home)
        try await encrypt(key.keyID)
    }

    @Test("aws:ResourceTag follows the key's tags at once")
    func resourceTag() async throws {
        let key = try await key(#""StringEquals": {"aws:ResourceTag/Team": "blue"}"#)
        await expectError("AccessDeniedException") { try await encrypt(key.keyID) }
        let tag = KeysTag.with {
            $0.key = "Team"
            $0.value = "blue"
        }
        _ = try await regions.management().tagResource(
            .with {
                $0.keyID = key.keyID
                $0.tags = [tag]
            })
        for _ in 0..<3 { try await encrypt(key.keyID) }
        _ = try await regions.management().untagResource(
            .with {
                $0.keyID = key.keyID
                $0.tagKeys = ["Team"]
            })
        await expectError("AccessDeniedException") { try await encrypt(key.keyID) }
    }

    @Test("kms:ReEncryptOnSameKey tells a new wrapping from a change of key")
    func sameKey() async throws {
        let condition = #""Bool": {"kms:ReEncryptOnSameKey": "true"}"#
        let (one, other) = (try await key(condition), try await key(condition))
        let blob = try await regions.encrypt("x", one.keyID)
        let client = try regions.cryptography(as: "guest")
        for _ in 0..<2 {
            _ = try await client.reEncrypt(
                .with {
                    $0.ciphertextBlob = blob
                    $0.destinationKeyID = one.keyID
                })
            await expectError("AccessDeniedException") {
                try await client.reEncrypt(
                    .with {
                        $0.ciphertextBlob = blob
                        $0.destinationKeyID = other.keyID
                    })
            }
        }
    }

    @Test(
        "what is the same for all requests about a key",
        arguments: [
            (#""StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT"}"#, true),
            (#""StringEquals": {"kms:KeySpec": "RSA_2048"}"#, false),
            (#""StringEquals": {"kms:KeyUsage": "ENCRYPT_DECRYPT"}"#, true),
            (#""StringEquals": {"kms:KeyUsage": "SIGN_VERIFY"}"#, false),
            (#""StringEquals": {"kms:KeyOrigin": "AWS_KMS"}"#, true),
            (#""StringEquals": {"kms:KeyOrigin": "EXTERNAL"}"#, false),
            (#""Bool": {"kms:MultiRegion": "false"}"#, true),
            (#""Bool": {"kms:MultiRegion": "true"}"#, false),
            (#""StringEquals": {"kms:MultiRegionKeyType": "PRIMARY"}"#, false),
            (#""StringEquals": {"kms:CallerAccount": "\#(account)"}"#, true),
            (#""StringEquals": {"kms:CallerAccount": "210000000001"}"#, false),
            (#""StringEquals": {"aws:RequestedRegion": "\#(TestRegions.home)"}"#, true),
            (#""StringEquals": {"aws:PrincipalOrgID": "\#(organization)"}"#, true),
            (#""StringEquals": {"aws:PrincipalOrgID": "o-other"}"#, false),
            (#""StringEquals": {"aws:username": "guest"}"#, true),
            (#""Bool": {"aws:PrincipalIsAWSService": "true"}"#, false),
            (#""StringEquals": {"kms:ViaService": "sso.eu-central-1.amazonaws.com"}"#, false),
            (#""StringEquals": {"aws:PrincipalTag/team": "blue"}"#, false),
        ])
    func properties(_ condition: String, _ isAllowed: Bool) async throws {
        let key = try await key(condition)
        for _ in 0..<2 {
            if isAllowed {
                try await encrypt(key.keyID)
            } else {
                await expectError("AccessDeniedException") { try await encrypt(key.keyID) }
            }
        }
    }

    @Test("kms:ViaService, the address and the second factor are those of whom the portal names")
    func delegated() async throws {
        let met = KeysDelegatedPrincipal.with {
            $0.principalArn = "arn:aws:iam::\(account):user/guest"
            $0.viaService = "sso.eu-central-1.amazonaws.com"
            $0.sourceIp = "203.0.113.7"
            $0.multiFactorAuthenticated = true
        }
        let key = try await key(
            #"""
            "StringLike": {"kms:ViaService": "sso.*.amazonaws.com"},
            "IpAddress": {"aws:SourceIp": "203.0.113.0/24"},
            "Bool": {"aws:MultiFactorAuthPresent": "true"}
            """#)
        let portal = PeerIdentity.service(name: "portal", region: TestRegions.home)
        let client = KeysCryptographyClient(
            try regions.channel(TestRegions.home, from: portal))
        func encrypt(_ principal: KeysDelegatedPrincipal) async throws {
            _ = try await client.encrypt(
                .with {
                    $0.keyID = key.keyID
                    $0.plaintext = Data("x".utf8)
                }, options: CallOptions(metadata: try PrincipalDelegation.metadata(principal)))
        }
        try await encrypt(met)
        let changes: [(inout KeysDelegatedPrincipal) -> Void] = [
            { $0.viaService = "" }, { $0.viaService = "s3.eu-central-1.amazonaws.com" },
            { $0.sourceIp = "198.51.100.1" }, { $0.multiFactorAuthenticated = false },
        ]
        for change in changes {
            var other = met
            change(&other)
            await expectError("AccessDeniedException") { try await encrypt(other) }
        }
    }
}
