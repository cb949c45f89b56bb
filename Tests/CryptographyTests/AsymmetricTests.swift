import Cryptography
import Testing

@Suite("Agreement on P-256")
struct P256AgreementTests {
    @Test("NIST CAVP, ECC CDH primitive, P-256, count 0")
    func published() throws {
        let own = try P256AgreementKey(
            pkcs8: SecretBytes(
                copying: hex(
                    """
                    304102010030 1306072a8648ce3d020106082a8648ce3d030107 0427302502010104 20
                    7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534
                    """)))
        #expect(
            own.publicKey
                == hex(
                    """
                    04 ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230
                    28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141
                    """))
        let shared = try own.sharedSecret(
            with: hex(
                """
                04 700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287
                db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac
                """))
        #expect(
            shared.withUnsafeBytes { Array($0) }
                == hex("46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"))
    }

    @Test("a peer key that is no point of the curve or has another size is refused")
    func noPoint() throws {
        let own = try P256AgreementKey()
        var altered = own.publicKey
        altered[64] ^= 1
        for peer in [[4] + [UInt8](repeating: 0, count: 64), altered, [9], []] {
            #expect(throws: CryptographyError.self) { try own.sharedSecret(with: peer) }
        }
    }

    @Test("both sides find the same secret, and each fresh key is another one")
    func fresh() throws {
        let one = try P256AgreementKey()
        let other = try P256AgreementKey()
        #expect(one.publicKey != other.publicKey)
        #expect(
            try one.sharedSecret(with: other.publicKey)
                .equals(other.sharedSecret(with: one.publicKey)))
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
