import Contracts
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Who may use a key")
struct AdmissionTests {
    typealias R = TestRegions

    let regions: TestRegions

    init() throws { regions = try TestRegions([R.home]) }

    private func policy(_ statements: String) -> String {
        """
        {"Version": "2012-10-17", "Statement": [
          {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::\(account):user/ada"},
           "Action": "kms:*", "Resource": "*"}, \(statements)]}
        """
    }

    private func put(_ policy: String, _ keyID: String) async throws {
        _ = try await regions.management().putKeyPolicy(
            .with {
                $0.keyID = keyID
                $0.policy = policy
            })
    }

    @Test("a permission that was remembered ends with the policy, the grant or the state behind it")
    func remembered() async throws {
        let guest = """
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::\(account):user/guest"},
             "Action": "kms:Encrypt", "Resource": "*"}
            """
        let key = try await regions.makeKey(multiRegion: false, policy: policy(guest))
        for _ in 0..<3 { _ = try await regions.encrypt("x", key.keyID, as: "guest") }
        try await put(
            policy(guest.replacingOccurrences(of: "Allow", with: "Deny")), key.keyID)
        await expectError("AccessDeniedException") {
            try await regions.encrypt("x", key.keyID, as: "guest")
        }
        try await put(policy(guest), key.keyID)
        _ = try await regions.encrypt("x", key.keyID, as: "guest")
        try await regions.disable(key.keyID)
        await expectError("DisabledException") {
            try await regions.encrypt("x", key.keyID, as: "guest")
        }
    }

    @Test("a permission under a condition on the context is not remembered for another context")
    func context() async throws {
        let key = try await regions.makeKey(
            multiRegion: false,
            policy: policy(
                """
                {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::\(account):user/guest"},
                 "Action": "kms:Encrypt", "Resource": "*",
                 "Condition": {"StringEquals": {"kms:EncryptionContext:team": "blue"}}}
                """))
        for _ in 0..<3 {
            _ = try await regions.encrypt("x", key.keyID, ["team": "blue"], as: "guest")
            await expectError("AccessDeniedException") {
                try await regions.encrypt("x", key.keyID, ["team": "red"], as: "guest")
            }
            await expectError("AccessDeniedException") {
                try await regions.encrypt("x", key.keyID, as: "guest")
            }
        }
    }

    @Test("a permission until a time ends at that time")
    func time() async throws {
        // The clock's first day is 2026-11-24.
        let key = try await regions.makeKey(
            multiRegion: false,
            policy: policy(
                """
                {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::\(account):user/guest"},
                 "Action": "kms:Encrypt", "Resource": "*",
                 "Condition": {"DateLessThan": {"aws:CurrentTime": "2026-11-26T00:00:00Z"}}}
                """))
        for _ in 0..<2 { _ = try await regions.encrypt("x", key.keyID, as: "guest") }
        regions.clock.advance(days: 2)
        await expectError("AccessDeniedException") {
            try await regions.encrypt("x", key.keyID, as: "guest")
        }
    }

    @Test("an algorithm that a policy asks about is not remembered for another one")
    func algorithm() async throws {
        var request = KeysCreateKeyRequest()
        request.keySpec = .rsa2048
        request.keyUsage = .signVerify
        request.policy = policy(
            """
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::\(account):user/guest"},
             "Action": "kms:Sign", "Resource": "*", "Condition": {"StringEquals":
               {"kms:SigningAlgorithm": "RSASSA_PSS_SHA_256", "kms:MessageType": "RAW"}}}
            """)
        let key = try await regions.management().createKey(request).keyMetadata
        func sign(_ algorithm: KeysSigningAlgorithm, digest: Bool = false) async throws {
            _ = try await regions.cryptography(as: "guest").sign(
                .with {
                    $0.keyID = key.keyID
                    $0.message = Data(repeating: 1, count: 32)
                    $0.messageIsDigest = digest
                    $0.signingAlgorithm = algorithm
                })
        }
        try await sign(.rsassaPssSha256)
        await expectError("AccessDeniedException") { try await sign(.rsassaPkcs1V15Sha256) }
        await expectError("AccessDeniedException") {
            try await sign(.rsassaPssSha256, digest: true)
        }
        try await sign(.rsassaPssSha256)
    }

    // MARK: - On behalf of somebody

    static let session =
        "arn:aws:sts::\(account):assumed-role/AWSReservedSSO_Keys_0123456789abcdef/alix"
    static let role = "arn:aws:iam::\(account):role/AWSReservedSSO_Keys_0123456789abcdef"

    private func delegated(
        _ policies: [String], by peer: PeerIdentity = .service(name: "portal", region: R.home),
        change: (inout KeysDelegatedPrincipal) -> Void = { _ in }
    ) throws -> (KeysCryptographyClient, KeysKeyManagementClient, CallOptions) {
        var principal = KeysDelegatedPrincipal()
        principal.principalArn = Self.session
        principal.roleArn = Self.role
        principal.identityPolicies = policies
        change(&principal)
        var options = CallOptions()
        options.metadata = try PrincipalDelegation.metadata(principal)
        let channel = try regions.channel(R.home, from: peer)
        return (KeysCryptographyClient(channel), KeysKeyManagementClient(channel), options)
    }

    private let all =
        #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#
    private let noDecrypt = """
        {"Version":"2012-10-17","Statement":[
         {"Effect":"Allow","Action":"kms:*","Resource":"*"},
         {"Effect":"Deny","Action":"kms:Decrypt","Resource":"*"}]}
        """

    @Test("the portal calls as whom it names, with that principal's identity policies")
    func onBehalf() async throws {
        let key = try await regions.makeKey()
        let (client, _, options) = try delegated([all])
        let sealed = try await client.encrypt(
            .with {
                $0.keyID = key.keyID
                $0.plaintext = Data("x".utf8)
            }, options: options)
        #expect(sealed.keyID == key.arn)
        let (none, _, without) = try delegated([])
        await expectError("AccessDeniedException") {
            try await none.encrypt(
                .with {
                    $0.keyID = key.keyID
                    $0.plaintext = Data("x".utf8)
                }, options: without)
        }
        let usage = try await regions.management().getUsage(.with { $0.keyID = key.keyID }).usage
        let own = usage.first { $0.principal == Self.session && $0.operation == "Encrypt" }
        #expect(own?.requests == 2)
        #expect(own?.refused == 1)
    }

    @Test("an explicit deny of an identity policy wins over the key's policy and over grants")
    func identityDeny() async throws {
        let open = """
            {"Version":"2012-10-17","Statement":[
             {"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}]}
            """
        let key = try await regions.makeKey(multiRegion: false, policy: open)
        _ = try await regions.management().createGrant(
            .with {
                $0.keyID = key.keyID
                $0.granteePrincipal = Self.session
                $0.operations = ["Decrypt"]
            })
        let blob = try await regions.encrypt("x", key.keyID)
        let (client, _, options) = try delegated([noDecrypt])
        await expectError("AccessDeniedException") {
            try await client.decrypt(.with { $0.ciphertextBlob = blob }, options: options)
        }
        let (other, _, allowed) = try delegated([all])
        _ = try await other.decrypt(.with { $0.ciphertextBlob = blob }, options: allowed)
    }

    @Test("only the Region's own portal speaks for others, and it makes no keys of the system")
    func othersAreIgnored() async throws {
        let key = try await regions.makeKey()
        for peer: PeerIdentity in [
            .operator(name: "stranger"), .service(name: "directory", region: R.home),
        ] {
            let (client, _, options) = try delegated([all], by: peer)
            await expectError("AccessDeniedException") {
                try await client.encrypt(
                    .with {
                        $0.keyID = key.keyID
                        $0.plaintext = Data("x".utf8)
                    }, options: options)
            }
        }
        let (_, management, options) = try delegated([all])
        await expectError("AccessDeniedException") {
            try await management.createKey(.with { $0.serviceManaged = true }, options: options)
        }
        let portal = try regions.management(service: "portal")
        await expectError("AccessDeniedException") { try await portal.createKey(.init()) }
        let (bad, _, broken) = try delegated([all]) { $0.principalArn = "alix" }
        await expectError("ValidationException") {
            try await bad.encrypt(
                .with {
                    $0.keyID = key.keyID
                    $0.plaintext = Data("x".utf8)
                }, options: broken)
        }
    }

    @Test("conditions see the source address, the service called through and the second factor")
    func conditions() async throws {
        let key = try await regions.makeKey(
            multiRegion: false,
            policy: policy(
                """
                {"Effect": "Allow", "Principal": {"AWS": "\(Self.role)"}, "Action": "kms:Encrypt",
                 "Resource": "*", "Condition": {
                   "IpAddress": {"aws:SourceIp": "192.0.2.0/24"},
                   "StringLike": {"kms:ViaService": "sso.*.amazonaws.com"},
                   "Bool": {"aws:MultiFactorAuthPresent": "true"}}}
                """))
        func encrypt(_ change: (inout KeysDelegatedPrincipal) -> Void) async throws {
            let (client, _, options) = try delegated([], change: change)
            _ = try await client.encrypt(
                .with {
                    $0.keyID = key.keyID
                    $0.plaintext = Data("x".utf8)
                }, options: options)
        }
        func right(_ principal: inout KeysDelegatedPrincipal) {
            principal.sourceIp = "192.0.2.7"
            principal.viaService = "sso.eu-central-1.amazonaws.com"
            principal.multiFactorAuthenticated = true
        }
        try await encrypt { right(&$0) }
        for change: @Sendable (inout KeysDelegatedPrincipal) -> Void in [
            { $0.sourceIp = "198.51.100.7" }, { $0.viaService = "" },
            { $0.multiFactorAuthenticated = false },
        ] {
            await expectError("AccessDeniedException") {
                try await encrypt {
                    right(&$0)
                    change(&$0)
                }
            }
        }
    }
}
