import Contracts
import Cryptography
import Foundation
import RPC
import SwiftProtobuf
import Testing

@testable import KeyService

@Suite("Use of keys")
struct KeyUseTests {
    let regions: TestRegions

    init() throws { regions = try TestRegions([TestRegions.home]) }

    @Test("what was encrypted comes back, and only with the same context")
    func roundTrip() async throws {
        let key = try await regions.makeKey()
        let context = ["b": "2", "a": "1", "": ""].filter { !$0.key.isEmpty }
        let blob = try await regions.encrypt("secret", key.keyID, context)
        #expect(try await regions.decrypt(blob, context) == "secret")
        #expect(try await regions.decrypt(blob, context, keyID: key.arn) == "secret")
        for other in [[:], ["a": "1"], ["a": "1", "b": "3"], ["a": "1", "b": "2", "c": ""]] {
            await expectError("InvalidCiphertextException", .invalidArgument) {
                try await regions.decrypt(blob, other)
            }
        }
        #expect(try await regions.encrypt("secret", key.keyID, context) != blob)
    }

    @Test("pairs of a context cannot be shifted into each other")
    func contextIsUnambiguous() throws {
        let one = try EncryptionContext(["ab": "c"]).canonicalBytes
        let other = try EncryptionContext(["a": "bc"]).canonicalBytes
        #expect(one != other)
        #expect(
            try EncryptionContext(["x": "1", "y": "2"]).canonicalBytes
                == EncryptionContext(["y": "2", "x": "1"]).canonicalBytes)
    }

    @Test("a ciphertext with any bit changed or a byte cut off is refused")
    func altered() async throws {
        let key = try await regions.makeKey()
        let blob = try await regions.encrypt("s", key.keyID)
        for position in blob.indices {
            var bytes = blob
            bytes[position] ^= 1
            do {
                _ = try await regions.decrypt(bytes)
                Issue.record("byte \(position) may be changed")
            } catch let error as RPCError {
                // A changed key ID is one that does not exist.
                #expect(["InvalidCiphertextException", "NotFoundException"].contains(error.reason))
            }
        }
        for count in [1, 2, 20, blob.count - 1] {
            await expectError("InvalidCiphertextException") {
                try await regions.decrypt(blob.prefix(count))
            }
        }
    }

    @Test("sizes outside those of KMS are refused")
    func sizes() async throws {
        let key = try await regions.makeKey()
        await expectError("ValidationException") { try await regions.encrypt("", key.keyID) }
        let long = String(repeating: "x", count: 4097)
        await expectError("ValidationException") { try await regions.encrypt(long, key.keyID) }
        #expect(
            try await regions.decrypt(regions.encrypt(String(long.dropLast()), key.keyID)).count
                == 4096)
        await expectError("ValidationException") { try await regions.decrypt(Data()) }
        await expectError("ValidationException") { try await regions.decrypt(Data(count: 6145)) }
        await expectError("ValidationException") {
            try await regions.encrypt("x", key.keyID, ["k": String(repeating: "v", count: 9000)])
        }
        await expectError("ValidationException") {
            try await regions.cryptography().generateDataKey(
                .with {
                    $0.keyID = key.keyID
                    $0.numberOfBytes = 1025
                })
        }
    }

    @Test("a ciphertext of another key than the one that is asked for is refused")
    func incorrectKey() async throws {
        let one = try await regions.makeKey()
        let other = try await regions.makeKey()
        let blob = try await regions.encrypt("s", one.keyID)
        await expectError("IncorrectKeyException", .invalidArgument) {
            try await regions.decrypt(blob, keyID: other.keyID)
        }
    }

    @Test("the services may do what the baseline policy allows, and nothing else")
    func servicesUnderBaseline() async throws {
        let key = try await regions.makeKey()
        for service in ["directory", "permission", "portal", "coordinator"] {
            let client = try regions.cryptography(service: service)
            var generate = KeysGenerateDataKeyWithoutPlaintextRequest()
            generate.keyID = key.keyID
            generate.encryptionContext = instanceContext
            let made = try await client.generateDataKeyWithoutPlaintext(generate)
            var decrypt = KeysDecryptRequest()
            decrypt.ciphertextBlob = made.ciphertextBlob
            decrypt.encryptionContext = instanceContext
            #expect(try await client.decrypt(decrypt).plaintext.count == 32)
            generate.encryptionContext = ["other": "x"]
            let error = await expectError("AccessDeniedException", .permissionDenied) {
                try await client.generateDataKeyWithoutPlaintext(generate)
            }
            #expect(error?.message.contains("kms:EncryptionContextKeys") == true)
            await expectError("AccessDeniedException") {
                try await client.generateDataKey(
                    .with {
                        $0.keyID = key.keyID
                        $0.encryptionContext = instanceContext
                    })
            }
        }
    }

    @Test(
        "taking the services out of the policy shuts them out at once, putting them back lets them in"
    )
    func policyIsInForceAtOnce() async throws {
        let key = try await regions.makeKey()
        let client = try regions.cryptography(service: "directory")
        var generate = KeysGenerateDataKeyWithoutPlaintextRequest()
        generate.keyID = key.keyID
        generate.encryptionContext = instanceContext
        _ = try await client.generateDataKeyWithoutPlaintext(generate)
        var put = KeysPutKeyPolicyRequest()
        put.keyID = key.keyID
        put.policy = try defaultPolicy()
        _ = try await regions.management().putKeyPolicy(put)
        await expectError("AccessDeniedException") {
            try await client.generateDataKeyWithoutPlaintext(generate)
        }
        put.policy = try baseline()
        _ = try await regions.management().putKeyPolicy(put)
        _ = try await client.generateDataKeyWithoutPlaintext(generate)
    }

    @Test("who may not use a key does not learn that it is disabled")
    func denialHidesState() async throws {
        let key = try await regions.makeKey()
        try await regions.disable(key.keyID)
        await expectError("AccessDeniedException") {
            try await regions.encrypt("x", key.keyID, as: "otto")
        }
    }

    @Test("a data key comes in the clear and sealed, of the length that was asked for")
    func dataKeys() async throws {
        let key = try await regions.makeKey()
        let made = try await regions.cryptography().generateDataKey(
            .with {
                $0.keyID = key.keyID
                $0.numberOfBytes = 64
            })
        #expect(made.plaintext.count == 64)
        var decrypt = KeysDecryptRequest()
        decrypt.ciphertextBlob = made.ciphertextBlob
        #expect(try await regions.cryptography().decrypt(decrypt).plaintext == made.plaintext)
    }

    @Test("re-encryption moves a secret to another key and context")
    func reEncrypt() async throws {
        let one = try await regions.makeKey()
        let other = try await regions.makeKey(multiRegion: false)
        let blob = try await regions.encrypt("secret", one.keyID, ["a": "1"])
        let moved = try await regions.cryptography().reEncrypt(
            .with {
                $0.ciphertextBlob = blob
                $0.sourceEncryptionContext = ["a": "1"]
                $0.destinationKeyID = other.keyID
                $0.destinationEncryptionContext = ["b": "2"]
            })
        #expect(moved.sourceKeyID == one.arn && moved.keyID == other.arn)
        try await regions.disable(one.keyID)
        #expect(try await regions.decrypt(moved.ciphertextBlob, ["b": "2"]) == "secret")
    }

    @Test("signatures verify here and with the public key, and altered messages do not")
    func signing() async throws {
        let key = try await regions.makeKey(spec: .eccNistP256, policy: "")
        let client = try regions.cryptography()
        let signed = try await client.sign(
            .with {
                $0.keyID = key.keyID
                $0.message = Data("message".utf8)
                $0.signingAlgorithm = .ecdsaSha256
            })
        var verify = KeysVerifyRequest()
        verify.keyID = key.keyID
        verify.message = Data("message".utf8)
        verify.signature = signed.signature
        verify.signingAlgorithm = .ecdsaSha256
        #expect(try await client.verify(verify).signatureValid)
        verify.message = Data("Message".utf8)
        await expectError("KMSInvalidSignatureException") { try await client.verify(verify) }
        verify.message = Data(try SHA256.hash(Array("message".utf8)))
        verify.messageIsDigest = true
        #expect(try await client.verify(verify).signatureValid)
        let spki = try await client.getPublicKey(.with { $0.keyID = key.keyID }).publicKey
        #expect(
            try P256PublicKey(spki: [UInt8](spki))
                .isValid([UInt8](signed.signature), for: Array("message".utf8)))
        await expectError("ValidationException") {
            try await client.sign(.with { $0.keyID = key.keyID })
        }
    }

    @Test("a key for one usage is refused for the other")
    func wrongUsage() async throws {
        let symmetric = try await regions.makeKey()
        let signing = try await regions.makeKey(spec: .eccNistP256, policy: "")
        await expectError("InvalidKeyUsageException", .invalidArgument) {
            try await regions.encrypt("x", signing.keyID)
        }
        await expectError("InvalidKeyUsageException") {
            try await regions.cryptography().sign(
                .with {
                    $0.keyID = symmetric.keyID
                    $0.message = Data([1])
                    $0.signingAlgorithm = .ecdsaSha256
                })
        }
        await expectError("UnsupportedOperationException") {
            try await regions.cryptography().getPublicKey(.with { $0.keyID = symmetric.keyID })
        }
    }
}
