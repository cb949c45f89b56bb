import Contracts
import Foundation
import RPC
import Testing

@testable import KeyService

@Suite("Management of keys")
struct KeyManagementTests {
    let regions: TestRegions

    init() throws { regions = try TestRegions([TestRegions.home]) }

    @Test("a key has the defaults of KMS and a multi-Region key an ID that says so")
    func creation() async throws {
        let plain = try await regions.management().createKey(KeysCreateKeyRequest()).keyMetadata
        #expect(plain.keySpec == .symmetricDefault)
        #expect(plain.keyUsage == .encryptDecrypt)
        #expect(plain.keyState == .enabled)
        #expect(!plain.multiRegion && !plain.hasPrimaryKey)
        #expect(UUID(uuidString: plain.keyID) != nil)
        #expect(plain.arn == "arn:aws:kms:eu-central-1:111122223333:key/\(plain.keyID)")
        let multi = try await regions.makeKey()
        #expect(KeyID.isMultiRegion(multi.keyID))
        #expect(multi.multiRegionKeyType == .primary)
        #expect(multi.primaryKey.region == "eu-central-1")
        #expect(multi.replicaKeys.isEmpty)
    }

    @Test("a spec with a usage that it is not for is refused")
    func specAndUsage() async throws {
        var request = KeysCreateKeyRequest()
        request.keySpec = .eccNistP256
        await expectError("ValidationException", .invalidArgument) {
            try await regions.management().createKey(request)
        }
    }

    @Test("who has no role for it creates no key, and a service only keys of the system")
    func creationIsAuthorised() async throws {
        for name in ["otto", "stranger"] {
            await expectError("AccessDeniedException", .permissionDenied) {
                try await regions.management(as: name).createKey(KeysCreateKeyRequest())
            }
        }
        await expectError("AccessDeniedException") {
            try await regions.management(service: "coordinator").createKey(KeysCreateKeyRequest())
        }
        var managed = KeysCreateKeyRequest()
        managed.serviceManaged = true
        await expectError("AccessDeniedException") {
            try await regions.management().createKey(managed)
        }
        let key = try await regions.management(service: "coordinator").createKey(managed)
        #expect(key.keyMetadata.serviceManaged)
        #expect(
            try await regions.management(as: "kim").createKey(KeysCreateKeyRequest())
                .keyMetadata.keyState == .enabled)
    }

    @Test("a service of another Region is nobody here")
    func foreignService() async throws {
        let key = try await regions.makeKey()
        let channel = try regions.channel(
            TestRegions.home, from: .service(name: "directory", region: TestRegions.away))
        var request = KeysDescribeKeyRequest()
        request.keyID = key.keyID
        await expectError("AccessDeniedException", .permissionDenied) {
            try await KeysKeyManagementClient(channel).describeKey(request)
        }
    }

    @Test("a malformed policy is refused with its place, and none that locks its author out")
    func policies() async throws {
        let error = await expectError("MalformedPolicyDocumentException", .invalidArgument) {
            try await regions.makeKey(policy: #"{"Statement": [{"Effect": "Maybe"}]}"#)
        }
        #expect(error?.message.contains("Statement[0].Effect") == true)
        let locking = """
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*",
             "Principal": {"Service": "sso.amazonaws.com"}, "Resource": "*"}}
            """
        await expectError("MalformedPolicyDocumentException") {
            try await regions.makeKey(policy: locking)
        }
        let key = try await regions.makeKey()
        var put = KeysPutKeyPolicyRequest()
        put.keyID = key.keyID
        put.policy = locking
        await expectError("MalformedPolicyDocumentException") {
            try await regions.management().putKeyPolicy(put)
        }
        put.bypassPolicyLockoutSafetyCheck = true
        _ = try await regions.management().putKeyPolicy(put)
        await expectError("AccessDeniedException") { try await regions.describe(key.keyID) }
    }

    @Test("the default policy lets administrators manage and auditors look")
    func defaultPolicy() async throws {
        let key = try await regions.makeKey(policy: "")
        var get = KeysGetKeyPolicyRequest()
        get.keyID = key.keyID
        let policy = try await regions.management(as: "otto").getKeyPolicy(get).policy
        #expect(policy.contains("Enable IAM User Permissions"))
        var disable = KeysDisableKeyRequest()
        disable.keyID = key.keyID
        await expectError("AccessDeniedException") {
            try await regions.management(as: "otto").disableKey(disable)
        }
        _ = try await regions.management(as: "kim").disableKey(disable)
    }

    @Test("names of keys that do not exist here are not found")
    func unknownKeys() async throws {
        let key = try await regions.makeKey(multiRegion: false)
        for name in [
            "mrk-00000000000000000000000000000000", "alias/none",
            "arn:aws:kms:eu-central-1:999999999999:key/\(key.keyID)",
            "arn:aws:kms:us-east-1:111122223333:key/\(key.keyID)",
        ] {
            await expectError("NotFoundException", .notFound) { try await regions.describe(name) }
        }
        for name in ["", "arn:aws:s3:::bucket", String(repeating: "a", count: 3000)] {
            await expectError("ValidationException") { try await regions.describe(name) }
        }
    }

    @Test("a change is refused when the ARN names another Region, a look at a related key is not")
    func otherRegionsARN() async throws {
        let key = try await regions.makeKey()
        let arn = "arn:aws:kms:us-east-1:111122223333:key/\(key.keyID)"
        #expect(try await regions.describe(arn).keyID == key.keyID)
        await expectError("NotFoundException") { try await regions.disable(arn) }
    }

    @Test("aliases are unique, well formed, of one key, and fit where KMS takes them")
    func aliases() async throws {
        let management = try regions.management()
        let key = try await regions.makeKey()
        var create = KeysCreateAliasRequest()
        create.targetKeyID = key.keyID
        for name in ["alias/", "alias/aws/sso", "key", "alias/a b", "alias/ä"] {
            create.aliasName = name
            await expectError("InvalidAliasNameException") {
                try await management.createAlias(create)
            }
        }
        create.aliasName = "alias/identity-center"
        _ = try await management.createAlias(create)
        await expectError("AlreadyExistsException", .alreadyExists) {
            try await management.createAlias(create)
        }
        #expect(try await regions.describe("alias/identity-center").keyID == key.keyID)
        let blob = try await regions.encrypt("x", "alias/identity-center")
        #expect(try await regions.decrypt(blob) == "x")
        await expectError("ValidationException") {
            try await regions.disable("alias/identity-center")
        }
        let listed = try await management.listAliases(KeysListAliasesRequest()).aliases
        #expect(listed.map(\.aliasName) == ["alias/identity-center"])
        var delete = KeysDeleteAliasRequest()
        delete.aliasName = "alias/identity-center"
        _ = try await management.deleteAlias(delete)
        await expectError("NotFoundException") { try await management.deleteAlias(delete) }
    }

    @Test("lists go on where they stopped and hide keys of the system unless asked")
    func listing() async throws {
        for _ in 0..<5 { _ = try await regions.makeKey() }
        var managed = KeysCreateKeyRequest()
        managed.serviceManaged = true
        _ = try await regions.management(service: "coordinator").createKey(managed)
        var request = KeysListKeysRequest()
        request.pageSize = 2
        var seen: [String] = []
        repeat {
            let page = try await regions.management(as: "otto").listKeys(request)
            #expect(page.keys.count <= 2)
            seen += page.keys.map(\.keyID)
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        #expect(seen.count == 5 && Set(seen).count == 5)
        request = KeysListKeysRequest()
        request.includeServiceManaged = true
        #expect(try await regions.management().listKeys(request).keys.count == 6)
        request.pageToken = "garbage"
        await expectError("InvalidMarkerException") {
            try await regions.management().listKeys(request)
        }
        await expectError("AccessDeniedException") {
            try await regions.management(as: "stranger").listKeys(KeysListKeysRequest())
        }
    }

    @Test("a key of the system cannot be disabled, deleted or given another policy")
    func serviceManaged() async throws {
        var create = KeysCreateKeyRequest()
        create.serviceManaged = true
        create.keySpec = .eccNistP256
        create.keyUsage = .signVerify
        let key = try await regions.management(service: "coordinator").createKey(create).keyMetadata
        // The account may look only, so the policy refuses before the kind of key does.
        await expectError("AccessDeniedException") { try await regions.disable(key.keyID) }
        #expect(try await regions.describe(key.keyID).serviceManaged)
        var sign = KeysSignRequest()
        sign.keyID = key.keyID
        sign.message = Data("m".utf8)
        sign.signingAlgorithm = .ecdsaSha256
        _ = try await regions.cryptography(service: "portal").sign(sign)
        await expectError("AccessDeniedException") { try await regions.cryptography().sign(sign) }
    }

    @Test("access is checked without use, naming each refusal and what it lacks")
    func checkKeyAccess() async throws {
        let key = try await regions.makeKey()
        var request = KeysCheckKeyAccessRequest()
        request.keyID = key.arn.replacing("eu-central-1", with: "us-west-2")
        request.principals = ["sso.amazonaws.com", "identitystore.amazonaws.com"]
        request.actions = ["kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"]
        request.encryptionContext = instanceContext
        let coordinator = try regions.management(service: "coordinator")
        var response = try await coordinator.checkKeyAccess(request)
        #expect(response.keyMetadata.keyID == key.keyID)
        #expect(response.denials.isEmpty)
        request.encryptionContext = [:]
        response = try await coordinator.checkKeyAccess(request)
        // Decrypt stays allowed by the statement for services of the organization.
        #expect(
            response.denials.map(\.action)
                == Array(
                    repeating: "kms:GenerateDataKeyWithoutPlaintext", count: 2))
        #expect(
            response.denials.first?.explanation.contains("kms:EncryptionContextKeys") == true)
        request.keyID = "mrk-00000000000000000000000000000000"
        response = try await coordinator.checkKeyAccess(request)
        #expect(!response.hasKeyMetadata && response.denials.isEmpty)
        await expectError("AccessDeniedException") {
            try await regions.management().checkKeyAccess(request)
        }
    }
}
