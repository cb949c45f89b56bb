import AccessPolicy
import Contracts
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Callers that the portal speaks for")
struct DelegatedPrincipalTests {
    private static let powerUser = """
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*",
         "Action": ["kms:CreateKey", "kms:Describe*"]}}
        """

    private func options(
        _ policies: [String], account: String = account
    ) throws -> CallOptions {
        var principal = KeysDelegatedPrincipal()
        principal.principalArn = "arn:aws:sts::\(account):assumed-role/Power/ada@example.com"
        principal.roleArn = "arn:aws:iam::\(account):role/aws-reserved/Power"
        principal.identityPolicies = policies
        return CallOptions(metadata: try PrincipalDelegation.metadata(principal))
    }

    private func create(
        _ regions: TestRegions, from peer: PeerIdentity, _ options: CallOptions
    ) async throws -> KeysKeyMetadata {
        let client = KeysKeyManagementClient(try regions.channel(TestRegions.home, from: peer))
        return try await client.createKey(.init(), options: options).keyMetadata
    }

    private static let portal = PeerIdentity.service(name: "portal", region: TestRegions.home)

    @Test("without a principal the portal is a service, which makes no keys")
    func portalItself() async throws {
        let regions = try TestRegions()
        await expectError("AccessDeniedException") {
            try await create(regions, from: Self.portal, .standard)
        }
    }

    @Test("nobody but the Region's own portal is believed")
    func others() async throws {
        let regions = try TestRegions()
        let options = try options([Self.powerUser])
        for peer in [
            PeerIdentity.service(name: "directory", region: TestRegions.home),
            .service(name: "portal", region: TestRegions.away), .operator(name: "otto"),
        ] {
            await expectError("AccessDeniedException") {
                try await create(regions, from: peer, options)
            }
        }
    }

    @Test("the principal's own policies decide, and keys are of the management account")
    func policies() async throws {
        let regions = try TestRegions()
        await expectError("AccessDeniedException") {
            try await create(regions, from: Self.portal, options([]))
        }
        await expectError("AccessDeniedException") {
            try await create(
                regions, from: Self.portal, options([Self.powerUser], account: "210000000001"))
        }
    }

    @Test("the default policy needs no right to change it again; one of the caller's own does")
    func defaultPolicy() async throws {
        let regions = try TestRegions()
        let key = try await create(regions, from: Self.portal, options([Self.powerUser]))
        #expect(key.keyState == .enabled)
        let client = KeysKeyManagementClient(
            try regions.channel(TestRegions.home, from: Self.portal))
        await expectError("MalformedPolicyDocumentException") {
            try await client.createKey(
                .with { $0.policy = try DefaultKeyPolicy.document(account: account) },
                options: options([Self.powerUser]))
        }
    }

    @Test("whom the portal names is asked about, however often the portal itself was allowed")
    func repeated() async throws {
        let regions = try TestRegions([TestRegions.home])
        let policy = """
            {"Version": "2012-10-17", "Statement": [
             {"Effect": "Allow", "Action": "kms:*", "Resource": "*",
              "Principal": {"AWS": "arn:aws:iam::\(account):root"}},
             {"Effect": "Allow", "Action": "kms:Sign", "Resource": "*",
              "Principal": {"Service": "sso.amazonaws.com"}}]}
            """
        let key = try await regions.makeKey(
            multiRegion: false, spec: .eccNistP256, policy: policy)
        let client = KeysCryptographyClient(
            try regions.channel(TestRegions.home, from: Self.portal))
        func sign(_ options: CallOptions) async throws -> KeysSignResponse {
            let request = KeysSignRequest.with {
                $0.keyID = key.keyID
                $0.message = Data(repeating: 7, count: 32)
                $0.messageIsDigest = true
                $0.signingAlgorithm = .ecdsaSha256
            }
            return try await client.sign(request, options: options)
        }
        let signer = """
            {"Version": "2012-10-17",
             "Statement": {"Effect": "Allow", "Action": "kms:Sign", "Resource": "*"}}
            """
        for _ in 0..<3 {
            #expect(try await sign(.standard).keyID == key.arn)
            await expectError("AccessDeniedException") { try await sign(options([])) }
            await expectError("AccessDeniedException") {
                try await sign(options([Self.powerUser]))
            }
            #expect(try await sign(options([signer])).keyID == key.arn)
            await expectError("ValidationException") {
                try await sign(.init(metadata: [PrincipalDelegation.metadataName: "nobody"]))
            }
        }
        try await regions.disable(key.keyID)
        await expectError("DisabledException") { try await sign(.standard) }
    }
}
