import Cryptography
import Testing

@Suite("X25519")
struct X25519Tests {
    @Test("RFC 7748 section 6.1")
    func diffieHellman() throws {
        let alice = try X25519PrivateKey(
            SecretBytes(
                copying: hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")))
        let bob = try X25519PrivateKey(
            SecretBytes(
                copying: hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")))
        #expect(
            alice.publicKey
                == hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"))
        #expect(
            bob.publicKey == hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
        )
        let shared = try alice.sharedSecret(with: bob.publicKey)
        #expect(
            shared.withUnsafeBytes { Array($0) }
                == hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"))
        #expect(try bob.sharedSecret(with: alice.publicKey).equals(shared))
    }

    @Test("a peer key of small order or of another size is refused")
    func smallOrder() throws {
        let own = try X25519PrivateKey()
        #expect(throws: CryptographyError.self) {
            try own.sharedSecret(with: [UInt8](repeating: 0, count: 32))
        }
        #expect(throws: CryptographyError.self) { try own.sharedSecret(with: [9]) }
    }

    @Test("each fresh key is another one")
    func fresh() throws {
        #expect(try X25519PrivateKey().publicKey != X25519PrivateKey().publicKey)
    }
}

@Suite("ECDSA on P-256")
struct P256Tests {
    @Test("RFC 6979's key has its public key and verifies its SHA-256 signature of \"sample\"")
    func published() throws {
        let pkcs8 = hex(
            """
            308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420
            c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721
            a144034200 04
            60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6
            7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299
            """)
        let key = try P256PrivateKey(pkcs8: SecretBytes(copying: pkcs8))
        let point = hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6")
        #expect(key.publicKey.spki.count == 91)
        #expect(Array(key.publicKey.spki[27..<59]) == point)
        let signature = hex(
            """
            3046 022100 efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716
            022100 f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8
            """)
        #expect(try key.publicKey.isValid(signature, for: Array("sample".utf8)))
        #expect(try !key.publicKey.isValid(signature, for: Array("Sample".utf8)))
        #expect(try key.pkcs8().withUnsafeBytes { Array($0) } == pkcs8)
    }

    @Test("signatures verify with the exported key and with nothing altered")
    func roundTrip() throws {
        let key = try P256PrivateKey()
        let copy = try P256PrivateKey(pkcs8: key.pkcs8())
        let verifier = try P256PublicKey(spki: key.publicKey.spki)
        let message = Array("message".utf8)
        for signer in [key, copy] {
            let signature = try signer.sign(message)
            #expect(try verifier.isValid(signature, for: message))
            for position in signature.indices {
                var altered = signature
                altered[position] ^= 1
                #expect(try !verifier.isValid(altered, for: message))
            }
        }
        #expect(try !verifier.isValid([], for: message))
        #expect(try !P256PrivateKey().publicKey.isValid(key.sign(message), for: message))
    }

    @Test("a digest that is not 32 bytes long is not signed")
    func digestSize() throws {
        let key = try P256PrivateKey()
        #expect(throws: CryptographyError.self) { try key.sign(digest: [1, 2, 3]) }
    }

    @Test("keys that do not parse, have bytes after them or are on another curve are refused")
    func malformed() throws {
        let key = try P256PrivateKey()
        #expect(throws: CryptographyError.self) { try P256PublicKey(spki: []) }
        #expect(throws: CryptographyError.self) {
            try P256PublicKey(spki: key.publicKey.spki + [0])
        }
        var offCurve = key.publicKey.spki
        offCurve[90] ^= 1
        #expect(throws: CryptographyError.self) { try P256PublicKey(spki: offCurve) }
        let long = try SecretBytes(copying: key.pkcs8().withUnsafeBytes { Array($0) } + [0])
        #expect(throws: CryptographyError.self) { try P256PrivateKey(pkcs8: long) }
        // A public key on secp384r1.
        let p384 = hex(
            """
            3076301006072a8648ce3d020106052b8104002203620004
            aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7
            3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f
            """)
        let error = #expect(throws: CryptographyError.self) { try P256PublicKey(spki: p384) }
        #expect(error?.message == "the key is not on P-256")
    }
}
