import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Dry runs, grant tokens and pages")
struct DryRunTests {
    typealias R = TestRegions

    let regions: TestRegions

    init() throws { regions = try TestRegions([R.home]) }

    @Test("a dry run does nothing, and says what a real one would")
    func dryRuns() async throws {
        let key = try await regions.makeKey()
        let blob = try await regions.encrypt("x", key.keyID)
        let client = try regions.cryptography()
        let denied = try regions.cryptography(as: "stranger")
        await expectError("DryRunOperationException") {
            try await client.encrypt(
                .with {
                    $0.keyID = key.keyID
                    $0.plaintext = Data("x".utf8)
                    $0.dryRun = true
                })
        }
        await expectError("DryRunOperationException") {
            try await client.decrypt(
                .with {
                    $0.ciphertextBlob = blob
                    $0.dryRun = true
                })
        }
        await expectError("InvalidCiphertextException") {
            try await client.decrypt(
                .with {
                    $0.ciphertextBlob = blob
                    $0.encryptionContext = ["a": "b"]
                    $0.dryRun = true
                })
        }
        await expectError("DryRunOperationException") {
            try await client.generateDataKey(
                .with {
                    $0.keyID = key.keyID
                    $0.dryRun = true
                })
        }
        await expectError("DryRunOperationException") {
            try await client.reEncrypt(
                .with {
                    $0.ciphertextBlob = blob
                    $0.destinationKeyID = key.keyID
                    $0.dryRun = true
                })
        }
        await expectError("AccessDeniedException") {
            try await denied.encrypt(
                .with {
                    $0.keyID = key.keyID
                    $0.plaintext = Data("x".utf8)
                    $0.dryRun = true
                })
        }
        let usage = try await regions.management().getUsage(.with { $0.keyID = key.keyID }).usage
        let own = usage.first { $0.operation == "Encrypt" && $0.principal.hasSuffix("/ada") }
        #expect(own?.refused == 0)
    }

    @Test("grants are made, revoked and retired by a dry run in words only")
    func grants() async throws {
        let key = try await regions.makeKey()
        let management = try regions.management()
        func create(dryRun: Bool) async throws -> KeysCreateGrantResponse {
            try await management.createGrant(
                .with {
                    $0.keyID = key.keyID
                    $0.granteePrincipal = GrantTests.guest
                    $0.operations = ["Decrypt"]
                    $0.dryRun = dryRun
                })
        }
        await expectError("DryRunOperationException") { try await create(dryRun: true) }
        #expect(try await management.listGrants(.with { $0.keyID = key.keyID }).grants.isEmpty)
        let grant = try await create(dryRun: false)
        await expectError("DryRunOperationException") {
            try await management.revokeGrant(
                .with {
                    $0.keyID = key.keyID
                    $0.grantID = grant.grantID
                    $0.dryRun = true
                })
        }
        await expectError("DryRunOperationException") {
            try await management.retireGrant(
                .with {
                    $0.grantToken = grant.grantToken
                    $0.dryRun = true
                })
        }
        #expect(try await management.listGrants(.with { $0.keyID = key.keyID }).grants.count == 1)
    }

    @Test("a grant token is one that was given, and ten are enough")
    func tokens() async throws {
        let key = try await regions.makeKey()
        let management = try regions.management()
        let grant = try await management.createGrant(
            .with {
                $0.keyID = key.keyID
                $0.granteePrincipal = GrantTests.guest
                $0.operations = ["Encrypt"]
            })
        func encrypt(_ tokens: [String]) async throws {
            _ = try await regions.cryptography(as: "guest").encrypt(
                .with {
                    $0.keyID = key.keyID
                    $0.plaintext = Data("x".utf8)
                    $0.grantTokens = tokens
                })
        }
        try await encrypt([grant.grantToken])
        await expectError("InvalidGrantTokenException") { try await encrypt(["x"]) }
        await expectError("InvalidGrantTokenException") {
            try await encrypt([grant.grantToken + "0"])
        }
        await expectError("ValidationException") {
            try await encrypt(Array(repeating: grant.grantToken, count: 11))
        }
        _ = try await management.revokeGrant(
            .with {
                $0.keyID = key.keyID
                $0.grantID = grant.grantID
            })
        await expectError("InvalidGrantTokenException") { try await encrypt([grant.grantToken]) }
    }

    @Test("who may make grants by a grant passes on no more than it has")
    func passingOn() async throws {
        let key = try await regions.makeKey()
        _ = try await regions.management().createGrant(
            .with {
                $0.keyID = key.keyID
                $0.granteePrincipal = GrantTests.guest
                $0.operations = ["CreateGrant", "Decrypt"]
                $0.constraints.encryptionContextSubset = ["team": "blue"]
            })
        func pass(
            _ operations: [String], subset: [String: String] = [:], equals: [String: String] = [:]
        ) async throws {
            _ = try await regions.management(as: "guest").createGrant(
                .with {
                    $0.keyID = key.keyID
                    $0.granteePrincipal = "arn:aws:iam::\(account):user/friend"
                    $0.operations = operations
                    $0.constraints.encryptionContextSubset = subset
                    $0.constraints.encryptionContextEquals = equals
                })
        }
        await expectError("AccessDeniedException") { try await pass(["Decrypt"]) }
        await expectError("AccessDeniedException") {
            try await pass(["Encrypt"], subset: ["team": "blue"])
        }
        await expectError("AccessDeniedException") {
            try await pass(["Decrypt"], equals: ["team": "red"])
        }
        try await pass(["Decrypt"], subset: ["team": "blue", "day": "1"])
        try await pass(["Decrypt"], equals: ["team": "blue"])
    }

    @Test("lists go on where they ended, also when something was added meanwhile")
    func pages() async throws {
        let management = try regions.management()
        let key = try await regions.makeKey()
        for name in ["b", "d", "f"] {
            _ = try await management.createAlias(
                .with {
                    $0.aliasName = "alias/\(name)"
                    $0.targetKeyID = key.keyID
                })
        }
        let first = try await management.listAliases(
            .with {
                $0.keyID = key.keyID
                $0.pageSize = 2
            })
        #expect(first.aliases.map(\.aliasName) == ["alias/b", "alias/d"])
        #expect(first.aliases.first?.aliasArn == "arn:aws:kms:\(R.home):\(account):alias/b")
        #expect(first.aliases.first?.createdAtUs == regions.clock.now)
        _ = try await management.createAlias(
            .with {
                $0.aliasName = "alias/e"
                $0.targetKeyID = key.keyID
            })
        let second = try await management.listAliases(
            .with {
                $0.keyID = key.keyID
                $0.pageSize = 2
                $0.pageToken = first.nextPageToken
            })
        #expect(second.aliases.map(\.aliasName) == ["alias/e", "alias/f"])
        #expect(second.nextPageToken.isEmpty)
        await expectError("InvalidMarkerException") {
            try await management.listAliases(.with { $0.pageToken = "x" })
        }
        await expectError("ValidationException") {
            try await management.listAliases(.with { $0.pageSize = 1001 })
        }
    }

    @Test("a principal finds the grants that it may retire")
    func retirable() async throws {
        let key = try await regions.makeKey()
        let kim = "arn:aws:iam::\(account):user/kim"
        for retiring in [kim, GrantTests.guest] {
            _ = try await regions.management().createGrant(
                .with {
                    $0.keyID = key.keyID
                    $0.granteePrincipal = GrantTests.guest
                    $0.retiringPrincipal = retiring
                    $0.operations = ["Decrypt"]
                })
        }
        let own = try await regions.management(as: "guest").listRetirableGrants(
            .with { $0.retiringPrincipal = GrantTests.guest })
        #expect(own.grants.map(\.retiringPrincipal) == [GrantTests.guest])
        await expectError("AccessDeniedException") {
            try await regions.management(as: "guest").listRetirableGrants(
                .with { $0.retiringPrincipal = kim })
        }
    }
}
