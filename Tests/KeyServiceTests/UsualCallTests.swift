import Contracts
import Cryptography
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

/// The general path answers the first request of its kind, the usual one those after it: both must say
/// the same.
@Suite("Usual calls")
struct UsualCallTests {
    let regions: TestRegions

    init() throws { regions = try TestRegions([TestRegions.home]) }

    @Test("what is changed, disabled or counted holds for repeated requests as well")
    func changes() async throws {
        let key = try await regions.makeKey(multiRegion: false)
        let blob = try await regions.encrypt("secret", key.keyID, ["a": "b"])
        for _ in 0..<3 {
            #expect(try await regions.decrypt(blob, ["a": "b"]) == "secret")
            await expectError("InvalidCiphertextException") {
                try await regions.decrypt(blob, ["a": "c"])
            }
            await expectError("InvalidCiphertextException") { try await regions.decrypt(blob) }
        }
        var damaged = blob
        damaged[damaged.count - 1] ^= 1
        await expectError("InvalidCiphertextException") {
            try await regions.decrypt(damaged, ["a": "b"])
        }
        try await regions.disable(key.keyID)
        await expectError("DisabledException") { try await regions.decrypt(blob, ["a": "b"]) }
        await expectError("DisabledException") {
            try await regions.encrypt("x", key.keyID, ["a": "b"])
        }
        let usage = try await regions.management().getUsage(.with { $0.keyID = key.keyID }).usage
        let decrypts = usage.first { $0.operation == "Decrypt" }
        #expect(decrypts?.requests == 11 && decrypts?.refused == 8)
    }

    @Test("a key that is gone is not kept by what was allowed before")
    func released() async throws {
        let key = try await regions.makeKey(multiRegion: false)
        for _ in 0..<3 { _ = try await regions.encrypt("x", key.keyID) }
        let ring = try regions.module(TestRegions.home).administration.ring
        weak let old = ring[key.keyID]
        #expect(old != nil)
        try await regions.disable(key.keyID)
        #expect(old == nil)
    }

    @Test("limits hold for repeated requests as well")
    func limits() async throws {
        let key = try await regions.makeKey(multiRegion: false)
        for count in [1, 4096, 1, 4096] {
            let text = String(repeating: "x", count: count)
            let blob = try await regions.encrypt(text, key.keyID)
            #expect(try await regions.decrypt(blob) == text)
        }
        for text in ["", String(repeating: "x", count: 4097)] {
            await expectError("ValidationException") { try await regions.encrypt(text, key.keyID) }
        }
        let client = try regions.cryptography()
        for count: UInt32 in [0, 1, 1024, 16, 1024, 1] {
            let made = try await client.generateDataKey(
                .with {
                    $0.keyID = key.keyID
                    $0.numberOfBytes = count
                })
            #expect(made.plaintext.count == (count == 0 ? 32 : Int(count)))
            let opened = try await client.decrypt(.with { $0.ciphertextBlob = made.ciphertextBlob })
            #expect(
                opened.plaintext == made.plaintext && opened.keyMaterialID == made.keyMaterialID)
            #expect(made.keyID == key.arn && !made.keyMaterialID.isEmpty)
        }
        await expectError("ValidationException") {
            try await client.generateDataKey(
                .with {
                    $0.keyID = key.keyID
                    $0.numberOfBytes = 1025
                })
        }
    }

    @Test("data keys differ, and those without plaintext are sealed the same way")
    func dataKeys() async throws {
        let key = try await regions.makeKey(multiRegion: false)
        let client = try regions.cryptography()
        var seen: Set<Data> = []
        for _ in 0..<10 {
            let made = try await client.generateDataKeyWithoutPlaintext(
                .with {
                    $0.keyID = key.keyID
                    $0.encryptionContext = ["a": "b"]
                })
            #expect(made.keyID == key.arn && made.keyMaterialID.count == 64)
            let opened = try await client.decrypt(
                .with {
                    $0.ciphertextBlob = made.ciphertextBlob
                    $0.encryptionContext = ["a": "b"]
                    $0.keyID = key.keyID
                })
            #expect(opened.keyID == key.arn)
            seen.insert(opened.plaintext)
        }
        #expect(seen.count == 10)
    }

    @Test("one caller's permission is not another's")
    func callers() async throws {
        let key = try await regions.makeKey(multiRegion: false)
        for _ in 0..<3 {
            _ = try await regions.encrypt("x", key.keyID, as: "ada")
            await expectError("AccessDeniedException") {
                try await regions.encrypt("x", key.keyID, as: "otto")
            }
        }
    }

    @Test("repeated signatures are those of the key")
    func signatures() async throws {
        let key = try await regions.makeKey(multiRegion: false, spec: .eccNistP256)
        let client = try regions.cryptography()
        let spki = try await client.getPublicKey(.with { $0.keyID = key.keyID }).publicKey
        let publicKey = try P256PublicKey(spki: [UInt8](spki))
        for value: UInt8 in 0..<5 {
            let digest = Data(repeating: value, count: 32)
            let signed = try await client.sign(
                .with {
                    $0.keyID = key.keyID
                    $0.message = digest
                    $0.messageIsDigest = true
                    $0.signingAlgorithm = .ecdsaSha256
                })
            #expect(signed.keyID == key.arn)
            #expect(try publicKey.isValid([UInt8](signed.signature), digest: [UInt8](digest)))
        }
        await expectError("ValidationException") {
            try await client.sign(
                .with {
                    $0.keyID = key.keyID
                    $0.message = Data(repeating: 1, count: 31)
                    $0.messageIsDigest = true
                    $0.signingAlgorithm = .ecdsaSha256
                })
        }
    }

    @Test("rotated material is used at once, and the old still opens")
    func rotation() async throws {
        let key = try await regions.makeKey(multiRegion: false)
        var before: Data?
        for _ in 0..<3 { before = try await regions.encrypt("old", key.keyID) }
        _ = try await regions.management().rotateKeyOnDemand(.with { $0.keyID = key.keyID })
        for _ in 0..<3 {
            let after = try await regions.encrypt("new", key.keyID)
            #expect(after.prefix(54) != before?.prefix(54))
            #expect(try await regions.decrypt(after) == "new")
            #expect(try await regions.decrypt(#require(before)) == "old")
        }
    }

    @Test("anything but the usual is left to the general path")
    func unusual() throws {
        func parse(_ fill: (inout KeysEncryptRequest) -> Void) throws -> Bool {
            var request = KeysEncryptRequest()
            request.keyID = "k"
            request.plaintext = Data("x".utf8)
            fill(&request)
            let bytes: [UInt8] = try request.serializedBytes()
            return bytes.withUnsafeBytes { UsualRequest($0, UsualRequest.encrypt) != nil }
        }
        #expect(try parse { _ in })
        #expect(try parse { $0.encryptionContext = ["a": "b"] })
        #expect(try !parse { $0.encryptionContext = ["a": "b", "c": "d"] })
        #expect(try !parse { $0.grantTokens = ["x"] })
        #expect(try !parse { $0.dryRun = true })
        #expect(try !parse { $0.encryptionContext = ["a": String(repeating: "x", count: 600)] })
        for bytes: [UInt8] in [[0x0a], [0x0a, 5, 1], [0x08, 1], [0x1a, 2, 0x0a, 0]] {
            #expect(bytes.withUnsafeBytes { UsualRequest($0, UsualRequest.encrypt) == nil })
        }
    }

    @Test("the context is written as the general path writes it")
    func context() throws {
        for pairs in [[:], ["key": "value"], ["k": ""]] {
            let request = KeysEncryptRequest.with { $0.encryptionContext = pairs }
            let bytes: [UInt8] = try request.serializedBytes()
            let written = bytes.withUnsafeBytes { bytes -> [UInt8]? in
                guard let usual = UsualRequest(bytes, UsualRequest.encrypt) else { return nil }
                return withUnsafeTemporaryAllocation(
                    byteCount: usual.contextCount, alignment: 8
                ) { memory in
                    var writer = RawWriter(memory)
                    usual.writeContext(&writer)
                    return Array(writer.written)
                }
            }
            #expect(try written == EncryptionContext(pairs).canonicalBytes)
        }
    }
}
