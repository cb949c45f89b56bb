import Cryptography
import Testing

@Suite("Derivation, codes and digests")
struct DerivationTests {
    @Test("RFC 5869 test case 1: basic")
    func hkdfBasic() throws {
        let output = try HKDF.derive(
            from: SecretBytes(copying: [UInt8](repeating: 0x0b, count: 22)),
            salt: hex("000102030405060708090a0b0c"), info: hex("f0f1f2f3f4f5f6f7f8f9"), count: 42)
        #expect(
            output.withUnsafeBytes { Array($0) }
                == hex(
                    """
                    3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865
                    """))
    }

    @Test("RFC 5869 test case 2: longer inputs and output")
    func hkdfLong() throws {
        let output = try HKDF.derive(
            from: SecretBytes(copying: Array(0x00...0x4f)), salt: Array(0x60...0xaf),
            info: Array(0xb0...0xff), count: 82)
        #expect(
            output.withUnsafeBytes { Array($0) }
                == hex(
                    """
                    b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e59
                    0e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87
                    """))
    }

    @Test("RFC 5869 test case 3: no salt, no info")
    func hkdfBare() throws {
        let output = try HKDF.derive(
            from: SecretBytes(copying: [UInt8](repeating: 0x0b, count: 22)), salt: [], info: [],
            count: 42)
        #expect(
            output.withUnsafeBytes { Array($0) }
                == hex(
                    """
                    8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8
                    """))
    }

    @Test("HKDF refuses lengths it cannot give", arguments: [0, 8161])
    func hkdfLimits(count: Int) throws {
        let input = try Random.secret(32)
        #expect(throws: CryptographyError.self) {
            try HKDF.derive(from: input, salt: [], info: [], count: count)
        }
    }

    @Test("RFC 4231 test cases 1, 2 and 6, each twice with one prepared key")
    func hmac() throws {
        let cases: [(key: [UInt8], message: [UInt8], code: String)] = [
            (
                [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xaa, count: 131),
                Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
        ]
        for (key, message, code) in cases {
            let hmac = try HMACSHA256(key: SecretBytes(copying: key))
            #expect(try hmac.authenticationCode(for: message) == hex(code))
            #expect(try hmac.authenticationCode(for: message) == hex(code))
            #expect(try hmac.isValid(hex(code), for: message))
            #expect(try !hmac.isValid(hex(code), for: message + [0]))
        }
    }

    @Test("FIPS 180-4 examples of SHA-256")
    func sha256() throws {
        #expect(
            try SHA256.hash([UInt8]())
                == hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
        #expect(
            try SHA256.hash(Array("abc".utf8))
                == hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
    }

    @Test("RFC 7914 vectors of scrypt")
    func scrypt() throws {
        let empty = try Scrypt.derive(
            passphrase: nil, salt: [], cost: .init(n: 16, r: 1, p: 1), count: 64)
        #expect(
            empty.withUnsafeBytes { Array($0) }
                == hex(
                    """
                    77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442
                    fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906
                    """))
        let password = try Scrypt.derive(
            passphrase: SecretBytes(copying: Array("password".utf8)), salt: Array("NaCl".utf8),
            cost: .init(n: 1024, r: 8, p: 16), count: 64)
        #expect(
            password.withUnsafeBytes { Array($0) }
                == hex(
                    """
                    fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162
                    2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640
                    """))
    }

    @Test("scrypt refuses a cost that is not a power of two")
    func scryptCost() throws {
        let passphrase = try SecretBytes(copying: Array("p".utf8))
        #expect(throws: CryptographyError.self) {
            try Scrypt.derive(
                passphrase: passphrase, salt: [1], cost: .init(n: 1000, r: 8, p: 1), count: 32)
        }
    }
}
