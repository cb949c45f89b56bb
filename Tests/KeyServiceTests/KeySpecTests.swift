import Contracts
import Cryptography
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Specs of keys", .serialized)
struct KeySpecTests {
    typealias R = TestRegions

    let regions: TestRegions

    init() throws { regions = try TestRegions() }

    private func make(_ spec: KeysKeySpec, _ usage: KeysKeyUsage) async throws -> KeysKeyMetadata {
        try await regions.management().createKey(
            .with {
                $0.keySpec = spec
                $0.keyUsage = usage
                $0.multiRegion = true
            }
        ).keyMetadata
    }

    private func sign(
        _ keyID: String, _ algorithm: KeysSigningAlgorithm, _ text: String = "message"
    ) async throws -> Data {
        try await regions.cryptography().sign(
            .with {
                $0.keyID = keyID
                $0.message = Data(text.utf8)
                $0.signingAlgorithm = algorithm
            }
        ).signature
    }

    private func verify(
        _ keyID: String, _ algorithm: KeysSigningAlgorithm, _ signature: Data,
        _ text: String = "message", region: String = R.home
    ) async throws -> Bool {
        try await regions.cryptography(region).verify(
            .with {
                $0.keyID = keyID
                $0.message = Data(text.utf8)
                $0.signature = signature
                $0.signingAlgorithm = algorithm
            }
        ).signatureValid
    }

    @Test("usages that a spec is not for are refused")
    func usages() async throws {
        for (spec, usage) in [
            (KeysKeySpec.eccNistP384, KeysKeyUsage.encryptDecrypt), (.hmac256, .signVerify),
            (.rsa2048, .generateVerifyMac), (.symmetricDefault, .signVerify),
        ] {
            await expectError("ValidationException") { try await make(spec, usage) }
        }
    }

    @Test(
        "a key signs with its algorithms only, and a replica verifies",
        arguments: [
            (KeysKeySpec.eccNistP256, KeysSigningAlgorithm.ecdsaSha256),
            (.eccNistP384, .ecdsaSha384), (.eccNistP521, .ecdsaSha512),
            (.rsa2048, .rsassaPssSha256), (.rsa3072, .rsassaPkcs1V15Sha512),
            (.rsa4096, .rsassaPssSha384),
        ])
    func signatures(spec: KeysKeySpec, algorithm: KeysSigningAlgorithm) async throws {
        let key = try await make(spec, .signVerify)
        let isCurve = algorithm.parts?.scheme == .ecdsa
        let wrong: KeysSigningAlgorithm =
            isCurve ? .rsassaPssSha256 : .ecdsaSha256
        await expectError("InvalidKeyUsageException") { try await sign(key.keyID, wrong) }
        let signature = try await sign(key.keyID, algorithm)
        _ = try await regions.management().replicateKey(
            .with {
                $0.keyID = key.keyID
                $0.replicaRegion = R.away
            })
        #expect(try await verify(key.keyID, algorithm, signature, region: R.away))
        await expectError("KMSInvalidSignatureException") {
            try await verify(key.keyID, algorithm, signature, "other")
        }
        let response = try await regions.cryptography(R.away).getPublicKey(
            .with { $0.keyID = key.keyID })
        let own = try await regions.cryptography().getPublicKey(.with { $0.keyID = key.keyID })
        #expect(response.publicKey == own.publicKey && !own.publicKey.isEmpty)
        #expect(response.keySpec == spec && response.keyUsage == .signVerify)
    }

    @Test("RSA encrypts without context, names its algorithm, and ReEncrypt moves it to a CMK")
    func encryption() async throws {
        let key = try await make(.rsa2048, .encryptDecrypt)
        let cryptography = try regions.cryptography()
        await expectError("InvalidKeyUsageException") { try await regions.encrypt("x", key.keyID) }
        func encrypt(_ count: Int, _ context: [String: String] = [:]) async throws -> Data {
            try await cryptography.encrypt(
                .with {
                    $0.keyID = key.keyID
                    $0.plaintext = Data(repeating: 0x61, count: count)
                    $0.encryptionContext = context
                    $0.encryptionAlgorithm = .rsaesOaepSha256
                }
            ).ciphertextBlob
        }
        await expectError("ValidationException") { try await encrypt(191) }
        await expectError("ValidationException") { try await encrypt(1, ["a": "b"]) }
        let blob = try await encrypt(3)
        await expectError("ValidationException") {
            try await cryptography.decrypt(
                .with {
                    $0.ciphertextBlob = blob
                    $0.encryptionAlgorithm = .rsaesOaepSha256
                })
        }
        await expectError("InvalidCiphertextException") {
            try await cryptography.decrypt(
                .with {
                    $0.ciphertextBlob = blob
                    $0.keyID = key.keyID
                    $0.encryptionAlgorithm = .rsaesOaepSha1
                })
        }
        let opened = try await cryptography.decrypt(
            .with {
                $0.ciphertextBlob = blob
                $0.keyID = key.keyID
                $0.encryptionAlgorithm = .rsaesOaepSha256
            })
        #expect(opened.plaintext == Data("aaa".utf8))
        let symmetric = try await regions.makeKey()
        let moved = try await cryptography.reEncrypt(
            .with {
                $0.ciphertextBlob = blob
                $0.sourceKeyID = key.keyID
                $0.sourceEncryptionAlgorithm = .rsaesOaepSha256
                $0.destinationKeyID = symmetric.keyID
                $0.destinationEncryptionContext = ["a": "1"]
            })
        #expect(try await regions.decrypt(moved.ciphertextBlob, ["a": "1"]) == "aaa")
        let other = try await regions.makeKey()
        await expectError("IncorrectKeyException") {
            try await cryptography.reEncrypt(
                .with {
                    $0.ciphertextBlob = moved.ciphertextBlob
                    $0.sourceKeyID = other.keyID
                    $0.sourceEncryptionContext = ["a": "1"]
                    $0.destinationKeyID = symmetric.keyID
                })
        }
    }

    @Test(
        "authentication codes are checked, also by a replica",
        arguments: [
            (KeysKeySpec.hmac224, KeysMacAlgorithm.hmacSha224), (.hmac256, .hmacSha256),
            (.hmac384, .hmacSha384), (.hmac512, .hmacSha512),
        ])
    func codes(spec: KeysKeySpec, algorithm: KeysMacAlgorithm) async throws {
        let key = try await make(spec, .generateVerifyMac)
        let wrong: KeysMacAlgorithm = algorithm == .hmacSha256 ? .hmacSha512 : .hmacSha256
        func generate(_ algorithm: KeysMacAlgorithm) async throws -> Data {
            try await regions.cryptography().generateMac(
                .with {
                    $0.keyID = key.keyID
                    $0.message = Data("message".utf8)
                    $0.macAlgorithm = algorithm
                }
            ).mac
        }
        await expectError("InvalidKeyUsageException") { try await generate(wrong) }
        let mac = try await generate(algorithm)
        #expect(mac.count == algorithm.hash?.byteCount)
        _ = try await regions.management().replicateKey(
            .with {
                $0.keyID = key.keyID
                $0.replicaRegion = R.away
            })
        func verify(_ text: String, _ mac: Data) async throws -> Bool {
            try await regions.cryptography(R.away).verifyMac(
                .with {
                    $0.keyID = key.keyID
                    $0.message = Data(text.utf8)
                    $0.mac = mac
                    $0.macAlgorithm = algorithm
                }
            ).macValid
        }
        #expect(try await verify("message", mac))
        await expectError("KMSInvalidMacException") { try await verify("other", mac) }
        await expectError("KMSInvalidMacException") { try await verify("message", mac.dropLast()) }
        try await regions.disable(key.keyID)
        await expectError("DisabledException") { try await generate(algorithm) }
    }

    @Test("a key pair's private key opens with the key that sealed it")
    func pairs() async throws {
        let key = try await regions.makeKey()
        let cryptography = try regions.cryptography()
        await expectError("ValidationException") {
            try await cryptography.generateDataKeyPair(
                .with {
                    $0.keyID = key.keyID
                    $0.keyPairSpec = .hmac256
                })
        }
        for (spec, kind) in [
            (KeysKeySpec.eccNistP384, AsymmetricKey.Kind.p384), (.rsa2048, .rsa(bits: 2048)),
        ] {
            let pair = try await cryptography.generateDataKeyPair(
                .with {
                    $0.keyID = key.keyID
                    $0.keyPairSpec = spec
                })
            let opened = try await cryptography.decrypt(
                .with { $0.ciphertextBlob = pair.privateKeyCiphertextBlob })
            #expect(opened.plaintext == pair.privateKeyPlaintext)
            let parsed = try AsymmetricKey(
                kind, pkcs8: SecretBytes(copying: [UInt8](opened.plaintext)))
            #expect(Data(parsed.spki) == pair.publicKey)
        }
        let without = try await cryptography.generateDataKeyPairWithoutPlaintext(
            .with {
                $0.keyID = key.keyID
                $0.keyPairSpec = .eccNistP256
            })
        #expect(without.privateKeyPlaintext.isEmpty && !without.privateKeyCiphertextBlob.isEmpty)
    }

    @Test("random bytes are for who may, 1 to 1024 at once")
    func random() async throws {
        for count: UInt32 in [0, 1025] {
            await expectError("ValidationException") {
                try await regions.cryptography().generateRandom(.with { $0.numberOfBytes = count })
            }
        }
        await expectError("AccessDeniedException") {
            try await regions.cryptography(as: "stranger").generateRandom(
                .with { $0.numberOfBytes = 32 })
        }
        let first = try await regions.cryptography().generateRandom(.with { $0.numberOfBytes = 32 })
        let second = try await regions.cryptography().generateRandom(
            .with { $0.numberOfBytes = 32 })
        #expect(first.plaintext.count == 32 && first.plaintext != second.plaintext)
    }
}
