import Cryptography
import Testing

@Suite("RSA and NIST curves")
struct AsymmetricKeyTests {
    static let p384 = hex(
        """
        3081b6020100301006072a8648ce3d020106052b8104002204819e30819b0201010430
        6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea
        60d2edf5 a16403620004
        ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a25451
        5480bc13
        8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd25
        33264720
        """)
    static let p521 = hex(
        """
        3081ee020100301006072a8648ce3d020106052b810400230481d63081d30201010442
        00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836
        a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538 a181890381860004
        01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7
        f20fb633155d38ffa16d2bd761dcac474b9a2f5023a4
        00493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28a0db25741b5b34a828008b
        22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5
        """)

    @Test("RFC 6979's signatures of \"sample\" on P-384 and P-521 verify, altered ones do not")
    func published() throws {
        let cases: [(AsymmetricKey.Kind, [UInt8], HashAlgorithm, [UInt8])] = [
            (
                .p384, Self.p384, .sha384,
                hex(
                    """
                    306602310094edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648
                    152e44acf96e36dd1e80fabe4602310099ef4aeb15f178cea1fe40db2603138f130e740a19624526
                    203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8
                    """)
            ),
            (
                .p521, Self.p521, .sha512,
                hex(
                    """
                    308187024200c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25
                    a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa0241617cce7cf50648
                    06c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff077
                    7b1a20f8ccb1dccc43997f1ee0e44da4a67a
                    """)
            ),
        ]
        for (kind, pkcs8, hash, signature) in cases {
            let key = try AsymmetricKey(kind, pkcs8: SecretBytes(copying: pkcs8))
            let digest = try hash.hash(Array("sample".utf8))
            #expect(try key.isValid(signature, digest: digest, .ecdsa, hash))
            var altered = signature
            altered[altered.count - 1] ^= 1
            #expect(try !key.isValid(altered, digest: digest, .ecdsa, hash))
            let other = try hash.hash(Array("Sample".utf8))
            #expect(try !key.isValid(signature, digest: other, .ecdsa, hash))
            let own = try key.sign(digest: digest, .ecdsa, hash)
            #expect(try key.isValid(own, digest: digest, .ecdsa, hash))
        }
    }

    @Test("RFC 4231's test case 2 for each length of HMAC")
    func codes() throws {
        let expected: [HashAlgorithm: String] = [
            .sha224: "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
            .sha256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            .sha384:
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                + "8e2240ca5e69e2c78b3239ecfab21649",
            .sha512:
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ]
        for (hash, code) in expected {
            #expect(
                try hash.authenticationCode(
                    for: Array("what do ya want for nothing?".utf8),
                    key: SecretBytes(copying: Array("Jefe".utf8))) == hex(code))
        }
    }

    @Test("a key of another kind or size is refused")
    func kinds() throws {
        let p384 = try SecretBytes(copying: Self.p384)
        for kind in [AsymmetricKey.Kind.p521, .p256, .rsa(bits: 2048)] {
            #expect(throws: CryptographyError.self) { try AsymmetricKey(kind, pkcs8: p384) }
        }
        let rsa = try AsymmetricKey(.rsa(bits: 2048)).pkcs8()
        #expect(throws: CryptographyError.self) {
            try AsymmetricKey(.rsa(bits: 3072), pkcs8: rsa)
        }
    }

    @Test("Wycheproof's RSA key signs, verifies and decrypts as published")
    func publishedRSA() throws {
        let key = try AsymmetricKey(
            .rsa(bits: 2048), pkcs8: SecretBytes(copying: RSAVectors.pkcs8))
        let digest = try HashAlgorithm.sha256.hash(RSAVectors.message)
        #expect(try key.sign(digest: digest, .pkcs1, .sha256) == RSAVectors.pkcs1)
        #expect(try key.isValid(RSAVectors.pkcs1, digest: digest, .pkcs1, .sha256))
        #expect(try !key.isValid(RSAVectors.longForm, digest: digest, .pkcs1, .sha256))
        #expect(try key.isValid(RSAVectors.pss, digest: digest, .pss, .sha256))
        #expect(try !key.isValid(RSAVectors.pkcs1, digest: digest, .pss, .sha256))
        #expect(
            try key.decrypt(RSAVectors.oaep, .sha256).withUnsafeBytes { Array($0) }
                == RSAVectors.message)
        #expect(throws: CryptographyError.self) { try key.decrypt(RSAVectors.oaep, .sha1) }
    }

    @Test("RSA signs by both schemes and encrypts; altered, foreign and overlong input is refused")
    func rsa() throws {
        let key = try AsymmetricKey(.rsa(bits: 2048))
        let other = try AsymmetricKey(.rsa(bits: 2048))
        for hash in [HashAlgorithm.sha256, .sha384, .sha512] {
            let digest = try hash.hash(Array("message".utf8))
            for scheme in [AsymmetricKey.Scheme.pss, .pkcs1] {
                var signature = try key.sign(digest: digest, scheme, hash)
                #expect(signature.count == 256)
                #expect(try key.isValid(signature, digest: digest, scheme, hash))
                #expect(try !other.isValid(signature, digest: digest, scheme, hash))
                let wrong: AsymmetricKey.Scheme = scheme == .pss ? .pkcs1 : .pss
                #expect(try !key.isValid(signature, digest: digest, wrong, hash))
                signature[100] ^= 1
                #expect(try !key.isValid(signature, digest: digest, scheme, hash))
            }
            #expect(throws: CryptographyError.self) { try key.sign(digest: digest, .ecdsa, hash) }
        }
        for (hash, longest) in [(HashAlgorithm.sha1, 214), (.sha256, 190)] {
            let plaintext = [UInt8](repeating: 7, count: longest)
            var sealed = try plaintext.withUnsafeBytes { try key.encrypt($0, hash) }
            let opened = try key.decrypt(sealed, hash)
            #expect(opened.withUnsafeBytes { Array($0) } == plaintext)
            #expect(throws: CryptographyError.self) { try other.decrypt(sealed, hash) }
            sealed[3] ^= 1
            #expect(throws: CryptographyError.self) { try key.decrypt(sealed, hash) }
            #expect(throws: CryptographyError.self) { try key.decrypt([1, 2, 3], hash) }
            #expect(throws: CryptographyError.self) {
                try (plaintext + [7]).withUnsafeBytes { try key.encrypt($0, hash) }
            }
        }
    }
}
