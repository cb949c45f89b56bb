import Contracts
import Cryptography
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Imported key material")
struct ImportTests {
    typealias R = TestRegions

    let regions: TestRegions

    init() throws { regions = try TestRegions() }

    private func externalKey(
        spec: KeysKeySpec = .symmetricDefault, usage: KeysKeyUsage = .encryptDecrypt,
        multiRegion: Bool = false
    ) async throws -> KeysKeyMetadata {
        let policy = try baseline()
        return try await regions.management().createKey(
            .with {
                $0.origin = .external
                $0.keySpec = spec
                $0.keyUsage = usage
                $0.multiRegion = multiRegion
                $0.policy = policy
            }
        ).keyMetadata
    }

    private func parameters(
        _ keyID: String, _ algorithm: KeysWrappingAlgorithm = .rsaAesKeyWrapSha256,
        region: String = R.home
    ) async throws -> KeysGetParametersForImportResponse {
        try await regions.management(region).getParametersForImport(
            .with {
                $0.keyID = keyID
                $0.wrappingAlgorithm = algorithm
                $0.wrappingKeySpec = .rsa2048
            })
    }

    /// What somebody with the openssl command does.
    private func wrapped(
        _ material: [UInt8], _ parameters: KeysGetParametersForImportResponse,
        _ algorithm: KeysWrappingAlgorithm = .rsaAesKeyWrapSha256
    ) throws -> Data {
        let directory = regions.directory
        let key = "\(directory)/wrapping.der"
        try parameters.publicKey.write(to: URL(fileURLWithPath: key))
        let parts = try #require(algorithm.parts)
        func oaep(_ secret: [UInt8]) throws -> Data {
            try OpenSSLCommand.run(
                [
                    "pkeyutl", "-encrypt", "-pubin", "-inkey", key, "-keyform", "DER",
                    "-pkeyopt", "rsa_padding_mode:oaep",
                    "-pkeyopt", "rsa_oaep_md:\(parts.hash == .sha1 ? "sha1" : "sha256")",
                ], input: Data(secret), in: directory)
        }
        guard parts.usesAESKey else { return try oaep(material) }
        let secret = try Random.secret(32)
        let envelope = try oaep(secret.withUnsafeBytes { Array($0) })
        return envelope
            + Data(try PaddedKeyWrap.wrap(SecretBytes(copying: material), under: secret))
    }

    private func importMaterial(
        _ material: [UInt8], into keyID: String, region: String = R.home,
        algorithm: KeysWrappingAlgorithm = .rsaAesKeyWrapSha256,
        change: (inout KeysImportKeyMaterialRequest) -> Void = { _ in }
    ) async throws -> KeysImportKeyMaterialResponse {
        let parameters = try await parameters(keyID, algorithm, region: region)
        var request = KeysImportKeyMaterialRequest()
        request.keyID = keyID
        request.importToken = parameters.importToken
        request.encryptedKeyMaterial = try wrapped(material, parameters, algorithm)
        request.expirationModel = .keyMaterialDoesNotExpire
        change(&request)
        return try await regions.management(region).importKeyMaterial(request)
    }

    private let material = Array<UInt8>(0..<32)

    @Test("a key made here takes no material, and a key without material does nothing")
    func refusals() async throws {
        let own = try await regions.makeKey(multiRegion: false)
        await expectError("UnsupportedOperationException") { try await parameters(own.keyID) }
        await expectError("UnsupportedOperationException") {
            try await regions.management().deleteImportedKeyMaterial(
                .with { $0.keyID = own.keyID })
        }
        let key = try await externalKey()
        #expect(key.keyState == .pendingImport)
        #expect(key.origin == .external)
        #expect(key.currentKeyMaterialID.isEmpty)
        await expectError("KMSInvalidStateException") { try await regions.encrypt("x", key.keyID) }
        await expectError("KMSInvalidStateException") {
            try await regions.management().enableKey(.with { $0.keyID = key.keyID })
        }
        await expectError("ValidationException") { try await parameters(key.keyID, .unspecified) }
    }

    @Test(
        "material wrapped with openssl opens in every wrapping algorithm",
        arguments: [
            KeysWrappingAlgorithm.rsaesOaepSha1, .rsaesOaepSha256, .rsaAesKeyWrapSha1,
            .rsaAesKeyWrapSha256,
        ])
    func algorithms(algorithm: KeysWrappingAlgorithm) async throws {
        let key = try await externalKey()
        let answer = try await importMaterial(material, into: key.keyID, algorithm: algorithm)
        let described = try await regions.describe(key.keyID)
        #expect(described.keyState == .enabled)
        #expect(described.expirationModel == .keyMaterialDoesNotExpire)
        #expect(described.currentKeyMaterialID == answer.keyMaterialID)
        #expect(answer.keyMaterialID.count == 64)
        let blob = try await regions.encrypt("secret", key.keyID)
        #expect(try await regions.decrypt(blob) == "secret")
        let active = try #require(regions.module(R.home).administration.ring[key.keyID])
        #expect(try active.materials().first?.withUnsafeBytes { Array($0) } == material)
    }

    @Test("material that is altered, of another size or for another key is refused")
    func wrongMaterial() async throws {
        let key = try await externalKey()
        let other = try await externalKey()
        let parameters = try await parameters(key.keyID)
        var request = KeysImportKeyMaterialRequest()
        request.keyID = key.keyID
        request.expirationModel = .keyMaterialDoesNotExpire
        request.importToken = parameters.importToken
        request.encryptedKeyMaterial = Data(repeating: 7, count: 300)
        let garbage = request
        await expectError("InvalidCiphertextException") {
            try await regions.management().importKeyMaterial(garbage)
        }
        request.encryptedKeyMaterial = try wrapped([1, 2, 3], parameters)
        let short = request
        await expectError("IncorrectKeyMaterialException") {
            try await regions.management().importKeyMaterial(short)
        }
        request.encryptedKeyMaterial = try wrapped(material, parameters)
        request.keyID = other.keyID
        let foreign = request
        await expectError("InvalidImportTokenException") {
            try await regions.management().importKeyMaterial(foreign)
        }
        request.keyID = key.keyID
        request.importToken[20] ^= 1
        let altered = request
        await expectError("InvalidImportTokenException") {
            try await regions.management().importKeyMaterial(altered)
        }
        request.importToken = parameters.importToken
        request.keyMaterialID = String(repeating: "0", count: 64)
        let misnamed = request
        await expectError("IncorrectKeyMaterialException") {
            try await regions.management().importKeyMaterial(misnamed)
        }
        #expect(try await regions.describe(key.keyID).keyState == .pendingImport)
    }

    @Test("an import token is good for 24 hours, also after a restart")
    func tokenValidity() async throws {
        let key = try await externalKey()
        let parameters = try await parameters(key.keyID)
        #expect(parameters.validToUs == regions.clock.now + 24 * 3_600_000_000)
        var request = KeysImportKeyMaterialRequest()
        request.keyID = key.keyID
        request.importToken = parameters.importToken
        request.encryptedKeyMaterial = try wrapped(material, parameters)
        request.expirationModel = .keyMaterialDoesNotExpire
        regions.stop(R.home)
        try regions.start(R.home)
        regions.clock.advance(days: 1)
        let late = request
        await expectError("ExpiredImportTokenException") {
            try await regions.management().importKeyMaterial(late)
        }
        regions.clock.advance(seconds: -1)
        _ = try await regions.management().importKeyMaterial(late)
        #expect(try await regions.describe(key.keyID).keyState == .enabled)
    }

    @Test("material expires at its time and can be brought back, but not replaced")
    func expiry() async throws {
        let key = try await externalKey()
        for validTo in [0, regions.clock.now - 1, regions.clock.now + 366 * 86_400_000_000] {
            await expectError("ValidationException") {
                try await importMaterial(material, into: key.keyID) {
                    $0.expirationModel = .keyMaterialExpires
                    $0.validToUs = validTo
                }
            }
        }
        let end = regions.clock.now + 86_400_000_000
        _ = try await importMaterial(material, into: key.keyID) {
            $0.expirationModel = .keyMaterialExpires
            $0.validToUs = end
        }
        #expect(try await regions.describe(key.keyID).validToUs == end)
        let blob = try await regions.encrypt("secret", key.keyID)
        let maintenance = try regions.module(R.home).maintenance
        await maintenance.runOnce()
        #expect(try await regions.describe(key.keyID).keyState == .enabled)
        regions.clock.advance(days: 1)
        await maintenance.runOnce()
        #expect(try await regions.describe(key.keyID).keyState == .pendingImport)
        #expect(regions.trails[R.home]?.names.last == "DeleteExpiredKeyMaterial")
        await expectError("KMSInvalidStateException") { try await regions.decrypt(blob) }
        await expectError("IncorrectKeyMaterialException") {
            try await importMaterial(Array(repeating: 9, count: 32), into: key.keyID)
        }
        await expectError("UnsupportedOperationException") {
            try await importMaterial(material, into: key.keyID) {
                $0.importType = .newKeyMaterial
            }
        }
        _ = try await importMaterial(material, into: key.keyID)
        #expect(try await regions.decrypt(blob) == "secret")
    }

    @Test("deleted material is gone from disk, and rotation of imported material is refused")
    func deletion() async throws {
        let key = try await externalKey()
        _ = try await importMaterial(material, into: key.keyID)
        await expectError("UnsupportedOperationException") {
            try await regions.management().rotateKeyOnDemand(.with { $0.keyID = key.keyID })
        }
        _ = try await regions.management().deleteImportedKeyMaterial(
            .with { $0.keyID = key.keyID })
        #expect(try await regions.describe(key.keyID).keyState == .pendingImport)
        regions.stop(R.home)
        try regions.start(R.home)
        let stored = try #require(regions.module(R.home).administration.ring[key.keyID]).stored
        #expect(stored.materials.map(\.isPresent) == [false])
        #expect(stored.state == .pendingImport)
    }

    @Test("a replica of an imported key waits for the same material")
    func multiRegion() async throws {
        let key = try await externalKey(multiRegion: true)
        await expectError("KMSInvalidStateException") { try await regions.replicate(key.keyID) }
        _ = try await importMaterial(material, into: key.keyID)
        let replica = try await regions.replicate(key.keyID).replicaKeyMetadata
        #expect(replica.keyState == .pendingImport)
        #expect(replica.origin == .external)
        let blob = try await regions.encrypt("secret", key.keyID)
        await expectError("KMSInvalidStateException") {
            try await regions.decrypt(blob, region: R.away)
        }
        await expectError("IncorrectKeyMaterialException") {
            try await importMaterial(
                Array(repeating: 9, count: 32), into: key.keyID, region: R.away)
        }
        _ = try await importMaterial(material, into: key.keyID, region: R.away)
        #expect(try await regions.decrypt(blob, region: R.away) == "secret")
    }

    @Test("asymmetric and HMAC keys take their own kinds of material")
    func otherKinds() async throws {
        let signing = try await externalKey(spec: .eccNistP256, usage: .signVerify)
        let pair = try AsymmetricKey(.p256)
        let pkcs8 = try pair.pkcs8().withUnsafeBytes { Array($0) }
        await expectError("IncorrectKeyMaterialException") {
            try await importMaterial(material, into: signing.keyID)
        }
        _ = try await importMaterial(pkcs8, into: signing.keyID)
        let answer = try await regions.cryptography().getPublicKey(
            .with { $0.keyID = signing.keyID })
        #expect(Array(answer.publicKey) == pair.spki)
        let mac = try await externalKey(spec: .hmac256, usage: .generateVerifyMac)
        // RFC 4231 test case 2 has a short key; KMS keys are as long as their code.
        _ = try await importMaterial(Array(repeating: 0x0b, count: 32), into: mac.keyID)
        let code = try await regions.cryptography().generateMac(
            .with {
                $0.keyID = mac.keyID
                $0.message = Data("Hi There".utf8)
                $0.macAlgorithm = .hmacSha256
            })
        let expected = try HashAlgorithm.sha256.authenticationCode(
            for: Array("Hi There".utf8),
            key: SecretBytes(copying: Array(repeating: 0x0b, count: 32)))
        #expect(Array(code.mac) == expected)
    }
}
