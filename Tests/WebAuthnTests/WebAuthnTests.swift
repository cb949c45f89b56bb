import Crypto
import Foundation
import Testing
import WebAuthn
import WebAuthnTesting

@Suite("Security keys")
struct WebAuthnTests {
    static let party = RelyingParty(
        id: "portolan.test", origin: "https://eu-central-1.portolan.test:8443")
    static let challenge = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k"

    /// Registers a key and gives what an assertion is checked with.
    private func registered(_ key: SoftwareKey) throws -> AssertionKey {
        let known = try unverified(
            key.register(
                challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
        ).verified(for: Self.party, challenge: Self.challenge)
        #expect(known.credentialID == key.credentialID)
        #expect(known.algorithm == .es256)
        #expect(known.signCount == key.count)
        return try #require(
            AssertionKey(algorithm: known.algorithm.rawValue, bytes: known.publicKey))
    }

    private func unverified(_ made: SoftwareKey.Registration) -> UnverifiedRegistration {
        UnverifiedRegistration(
            clientDataJSON: made.clientDataJSON, authenticatorData: made.authenticatorData)
    }

    private func refusal(
        _ key: SoftwareKey, _ made: SoftwareKey.Assertion, known: AssertionKey? = nil,
        lastCount: UInt32 = 0, challenge: String = challenge
    ) throws -> KeyRefusal? {
        let assertion = UnverifiedAssertion(
            clientDataJSON: made.clientDataJSON, authenticatorData: made.authenticatorData,
            signature: made.signature)
        let known = try known ?? registered(key)
        do {
            _ = try assertion.verified(
                by: known, for: Self.party, challenge: challenge, lastCount: lastCount)
            return nil
        } catch {
            return error
        }
    }

    @Test("a key that was used as asked is accepted, and its count is told")
    func accepted() throws {
        let key = SoftwareKey()
        let known = try registered(key)
        let made = try key.assert(
            challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
        let count = try UnverifiedAssertion(
            clientDataJSON: made.clientDataJSON, authenticatorData: made.authenticatorData,
            signature: made.signature
        ).verified(by: known, for: Self.party, challenge: Self.challenge, lastCount: 1)
        #expect(count == 2)
    }

    @Test("another origin, domain, challenge or ceremony is refused")
    func bindings() throws {
        let key = SoftwareKey()
        func assertion(
            challenge: String = Self.challenge, origin: String = Self.party.origin,
            rpID: String = Self.party.id, type: String = "webauthn.get", crossOrigin: Bool = false
        ) throws -> KeyRefusal? {
            try refusal(
                key,
                key.assert(
                    challenge: challenge, origin: origin, rpID: rpID, type: type,
                    crossOrigin: crossOrigin))
        }
        #expect(try assertion(origin: "https://eu-central-1.portolan.test") == .wrongOrigin)
        #expect(try assertion(origin: "https://evil.portolan.test:8443") == .wrongOrigin)
        #expect(try assertion(rpID: "example.com") == .wrongRelyingParty)
        #expect(try assertion(challenge: "AAAA") == .wrongChallenge)
        #expect(try assertion(type: "webauthn.create") == .wrongCeremony)
        #expect(try assertion(crossOrigin: true) == .crossOrigin)
        #expect(try assertion() == nil)
    }

    @Test("without touch, without verification, or from a copied passkey it is refused")
    func flags() throws {
        for (flags, expected) in [
            (UInt8(0x04), KeyRefusal.userNotPresent), (0x01, .userNotVerified),
            (0x00, .userNotPresent), (0x0D, .notHardwareBound),
        ] {
            let key = SoftwareKey()
            let known = try registered(key)
            key.flags = flags
            let made = try key.assert(
                challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
            #expect(try refusal(key, made, known: known) == expected)
            let registration = unverified(
                key.register(
                    challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id))
            #expect(throws: expected) {
                try registration.verified(for: Self.party, challenge: Self.challenge)
            }
        }
    }

    @Test("a count that does not go up is refused; keys without a counter are not")
    func counter() throws {
        let key = SoftwareKey(count: 10)
        let made = try key.assert(
            challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
        #expect(try refusal(key, made, lastCount: 11) == .counterRegression)
        #expect(try refusal(key, made, lastCount: 12) == .counterRegression)
        #expect(try refusal(key, made, lastCount: 10) == nil)
        let silent = SoftwareKey(count: 0)
        let without = try silent.assert(
            challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
        #expect(try refusal(silent, without, lastCount: 0) == nil)
        #expect(try refusal(silent, without, lastCount: 1) == .counterRegression)
    }

    @Test("another key's signature, and one over other bytes, is refused")
    func signature() throws {
        let (key, other) = (SoftwareKey(), SoftwareKey())
        let made = try key.assert(
            challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
        #expect(try refusal(other, made) == .wrongSignature)
        var data = made.authenticatorData
        data[36] &+= 1
        let altered = SoftwareKey.Assertion(
            clientDataJSON: made.clientDataJSON, authenticatorData: data,
            signature: made.signature)
        #expect(try refusal(key, altered) == .wrongSignature)
        for signature in [[], [1, 2, 3], [UInt8](repeating: 0x30, count: 2_000)] {
            let bad = SoftwareKey.Assertion(
                clientDataJSON: made.clientDataJSON, authenticatorData: made.authenticatorData,
                signature: signature)
            #expect(try refusal(key, bad) == .wrongSignature)
        }
    }

    @Test("an Ed25519 key serves as well")
    func eddsa() throws {
        let key = Curve25519.Signing.PrivateKey()
        let rpHash = Array(SHA256.hash(data: Data(Self.party.id.utf8)))
        // The COSE key {1: 1, 3: -8, -1: 6, -2: x}.
        let cose: [UInt8] =
            [0xA4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32] + Array(key.publicKey.rawRepresentation)
        let registered = try UnverifiedRegistration(
            clientDataJSON: SoftwareKey.clientData(
                "webauthn.create", challenge: Self.challenge, origin: Self.party.origin),
            authenticatorData: rpHash + [0x45, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 16)
                + [0, 2, 8, 9] + cose
        ).verified(for: Self.party, challenge: Self.challenge)
        #expect(registered.algorithm == .eddsa)
        #expect(registered.credentialID == [8, 9])
        let client = SoftwareKey.clientData(
            "webauthn.get", challenge: Self.challenge, origin: Self.party.origin)
        let data = rpHash + [0x05, 0, 0, 0, 2]
        let signed = Data(data) + Data(SHA256.hash(data: Data(client)))
        let assertion = UnverifiedAssertion(
            clientDataJSON: client, authenticatorData: data,
            signature: Array(try key.signature(for: signed)))
        let known = try #require(
            AssertionKey(algorithm: registered.algorithm.rawValue, bytes: registered.publicKey))
        #expect(
            try assertion.verified(
                by: known, for: Self.party, challenge: Self.challenge, lastCount: 1) == 2)
        #expect(AssertionKey(algorithm: -35, bytes: registered.publicKey) == nil)
    }

    @Test("an RSA key serves as well, as another implementation made it")
    func rsa() throws {
        let registered = try UnverifiedRegistration(
            clientDataJSON: SoftwareKey.clientData(
                "webauthn.create", challenge: Self.challenge, origin: Self.party.origin),
            authenticatorData: Array(try #require(Data(base64Encoded: RSAVector.registration)))
        ).verified(for: Self.party, challenge: Self.challenge)
        #expect(registered.algorithm == .rs256)
        #expect(registered.credentialID == Array("rsa-credential".utf8))
        #expect(registered.signCount == 3)
        let rpHash = Array(SHA256.hash(data: Data(Self.party.id.utf8)))
        let client = SoftwareKey.clientData(
            "webauthn.get", challenge: Self.challenge, origin: Self.party.origin)
        let assertion = UnverifiedAssertion(
            clientDataJSON: client, authenticatorData: rpHash + [0x05, 0, 0, 0, 4],
            signature: Array(try #require(Data(base64Encoded: RSAVector.signature))))
        let known = try #require(
            AssertionKey(algorithm: registered.algorithm.rawValue, bytes: registered.publicKey))
        #expect(
            try assertion.verified(
                by: known, for: Self.party, challenge: Self.challenge, lastCount: 3) == 4)
    }

    @Test("what is cut off anywhere is refused and never crashes")
    func cutOff() throws {
        let key = SoftwareKey()
        let made = key.register(
            challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
        for count in 0..<made.authenticatorData.count {
            let registration = UnverifiedRegistration(
                clientDataJSON: made.clientDataJSON,
                authenticatorData: Array(made.authenticatorData.prefix(count)))
            #expect(throws: KeyRefusal.self) {
                try registration.verified(for: Self.party, challenge: Self.challenge)
            }
        }
        let assertion = try key.assert(
            challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
        for count in 0..<assertion.authenticatorData.count {
            let cut = SoftwareKey.Assertion(
                clientDataJSON: assertion.clientDataJSON,
                authenticatorData: Array(assertion.authenticatorData.prefix(count)),
                signature: assertion.signature)
            #expect(try refusal(key, cut) != nil)
        }
        for json in ["", "{}", "[]", "{\"type\":1}"] {
            let bad = SoftwareKey.Assertion(
                clientDataJSON: Array(json.utf8), authenticatorData: assertion.authenticatorData,
                signature: assertion.signature)
            #expect(try refusal(key, bad) == .clientDataMalformed)
        }
    }

    @Test("CBOR that claims gigabytes is refused before it is read")
    func bomb() throws {
        let key = SoftwareKey()
        let known = try registered(key)
        // An array of 271 million elements.
        let bomb: [UInt8] = [0x9A, 0x10, 0x29, 0xDC, 0x3A, 0x4A, 0x49, 0xAA]
        let made = try key.assert(
            challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
        for flag: UInt8 in [0x80, 0x40, 0] {
            var data = made.authenticatorData + bomb
            data[32] |= flag
            let assertion = SoftwareKey.Assertion(
                clientDataJSON: made.clientDataJSON, authenticatorData: data,
                signature: made.signature)
            #expect(
                try refusal(key, assertion, known: known) == .authenticatorDataMalformed)
        }
        let registration = key.register(
            challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
        let front = registration.authenticatorData.prefix(55 + key.credentialID.count)
        let instead = UnverifiedRegistration(
            clientDataJSON: registration.clientDataJSON, authenticatorData: front + bomb)
        #expect(throws: KeyRefusal.unsupportedAlgorithm) {
            try instead.verified(for: Self.party, challenge: Self.challenge)
        }
        // Extensions that nobody asked for are cut off, as nothing of a registration is signed.
        var extended = registration.authenticatorData + bomb
        extended[32] |= 0x80
        let known2 = try UnverifiedRegistration(
            clientDataJSON: registration.clientDataJSON, authenticatorData: extended
        ).verified(for: Self.party, challenge: Self.challenge)
        #expect(known2.credentialID == key.credentialID)
    }

    @Test("what is altered in any bit, or followed by garbage, never crashes and is never accepted")
    func altered() throws {
        let key = SoftwareKey()
        let made = key.register(
            challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
        for index in made.authenticatorData.indices {
            for bit in 0..<8 {
                var data = made.authenticatorData
                data[index] ^= 1 << bit
                // Whether it is a key at all is for libfido2 to say: it must only not crash.
                _ = try? UnverifiedRegistration(
                    clientDataJSON: made.clientDataJSON, authenticatorData: data
                ).verified(for: Self.party, challenge: Self.challenge)
            }
        }
        let known = try registered(key)
        let assertion = try key.assert(
            challenge: Self.challenge, origin: Self.party.origin, rpID: Self.party.id)
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        for _ in 0..<5_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var data = assertion.authenticatorData
            // Extensions follow, says the flag.
            data[32] |= 0x80
            var word = state
            for _ in 0..<Int(state >> 60) + 1 {
                data.append(UInt8(truncatingIfNeeded: word >> 24))
                word = word &* 2_862_933_555_777_941_757 &+ 3_037_000_493
            }
            let bad = SoftwareKey.Assertion(
                clientDataJSON: assertion.clientDataJSON, authenticatorData: data,
                signature: assertion.signature)
            #expect(try refusal(key, bad, known: known) != nil)
        }
    }

    @Test("a registration's answer is bound to challenge and page as well")
    func registration() throws {
        let key = SoftwareKey()
        let made = unverified(
            key.register(challenge: Self.challenge, origin: Self.party.origin, rpID: "other.test"))
        #expect(throws: KeyRefusal.wrongRelyingParty) {
            try made.verified(for: Self.party, challenge: Self.challenge)
        }
        let elsewhere = unverified(
            key.register(
                challenge: Self.challenge, origin: "https://other.test", rpID: Self.party.id))
        #expect(throws: KeyRefusal.wrongOrigin) {
            try elsewhere.verified(for: Self.party, challenge: Self.challenge)
        }
    }

    @Test("a domain covers itself and the names below it, and no others")
    func covers() {
        #expect(RelyingParty.covers("portolan.test", host: "portolan.test"))
        #expect(RelyingParty.covers("portolan.test", host: "eu.portolan.test"))
        #expect(!RelyingParty.covers("portolan.test", host: "evilportolan.test"))
        #expect(!RelyingParty.covers("eu.portolan.test", host: "portolan.test"))
        #expect(!RelyingParty.covers("", host: "portolan.test"))
    }
}
