internal import CFIDO2

/// What a browser hands over when somebody has used a key. Nothing of it is believed yet.
package struct UnverifiedAssertion: Sendable {
    private static let signatureBytesMax = 1_024

    let clientDataJSON: [UInt8]
    let authenticatorData: [UInt8]
    let signature: [UInt8]

    package init(clientDataJSON: [UInt8], authenticatorData: [UInt8], signature: [UInt8]) {
        self.clientDataJSON = clientDataJSON
        self.authenticatorData = authenticatorData
        self.signature = signature
    }

    /// The counter's value, if this key has signed this challenge for this relying party, and its person
    /// was there and verified.
    ///
    /// - Parameter lastCount: the highest count seen so far. A counter that is in use has to go up.
    package func verified(
        by key: AssertionKey, for relyingParty: RelyingParty, challenge: String, lastCount: UInt32
    ) throws(KeyRefusal) -> UInt32 {
        let clientData = try ClientData(
            clientDataJSON, ceremony: .assertion, challenge: challenge,
            origin: relyingParty.origin)
        let data = try AuthenticatorData(authenticatorData)
        try data.check(relyingParty)
        // No extension is asked for, so there is no CBOR in it; what anybody sends as such does not
        // reach libcbor (see `CredentialShape`).
        guard data.isBare else { throw .authenticatorDataMalformed }
        guard (1...Self.signatureBytesMax).contains(signature.count) else { throw .wrongSignature }
        let count = try signedCount(by: key, relyingParty, clientData)
        guard count > lastCount || (count == 0 && lastCount == 0) else { throw .counterRegression }
        return count
    }

    /// libfido2 checks relying party, presence, verification and signature over the same bytes.
    private func signedCount(
        by key: AssertionKey, _ relyingParty: RelyingParty, _ clientData: ClientData
    ) throws(KeyRefusal) -> UInt32 {
        var owned = fido_assert_new()
        guard let assertion = owned else { throw .authenticatorDataMalformed }
        defer { fido_assert_free(&owned) }
        guard
            fido_assert_set_rp(assertion, relyingParty.id) == FIDO_OK,
            fido_assert_set_clientdata_hash(assertion, clientData.hash, clientData.hash.count)
                == FIDO_OK,
            fido_assert_set_up(assertion, FIDO_OPT_TRUE) == FIDO_OK,
            fido_assert_set_uv(assertion, FIDO_OPT_TRUE) == FIDO_OK,
            fido_assert_set_count(assertion, 1) == FIDO_OK,
            fido_assert_set_authdata_raw(
                assertion, 0, authenticatorData, authenticatorData.count) == FIDO_OK
        else { throw .authenticatorDataMalformed }
        guard fido_assert_set_sig(assertion, 0, signature, signature.count) == FIDO_OK,
            key.withPointer({ fido_assert_verify(assertion, 0, key.algorithm.rawValue, $0) })
                == FIDO_OK
        else { throw .wrongSignature }
        return fido_assert_sigcount(assertion, 0)
    }
}

/// The public key that an assertion is checked with.
package struct AssertionKey: Sendable {
    package let algorithm: KeyAlgorithm
    let bytes: [UInt8]

    /// Nil when libfido2 does not know the algorithm.
    ///
    /// - Parameter bytes: as `RegisteredKey` has them.
    package init?(algorithm: Int32, bytes: [UInt8]) {
        guard let algorithm = KeyAlgorithm(rawValue: algorithm) else { return nil }
        self.algorithm = algorithm
        self.bytes = bytes
    }

    /// A key whose private half nobody has kept: what is done for a name that has none takes as long.
    package static let nobodys = AssertionKey(
        es256: [
            0x8F, 0x26, 0xC7, 0x0F, 0xB3, 0xFB, 0x9D, 0xDC, 0xE7, 0x8E, 0x03, 0x43, 0x7A,
            0x00, 0xB0, 0xBE, 0x92, 0x52, 0xAC, 0x85, 0x67, 0x82, 0xB9, 0x74, 0x53, 0x0D,
            0xEA, 0x82, 0xDE, 0x48, 0xA4, 0xB4, 0x39, 0x5A, 0x1C, 0xE8, 0x7D, 0x3E, 0x0E,
            0x87, 0x91, 0x57, 0x1E, 0x20, 0x2F, 0x07, 0xC4, 0x0D, 0x80, 0x41, 0xDE, 0x8A,
            0xED, 0xDC, 0xAD, 0x1A, 0x67, 0xE6, 0xCA, 0xD9, 0x44, 0x43, 0x19, 0x52,
        ])

    private init(es256 bytes: [UInt8]) {
        algorithm = .es256
        self.bytes = bytes
    }

    /// Lends the key in libfido2's form; nil when the bytes are none.
    fileprivate func withPointer(_ body: (UnsafeRawPointer) -> Int32) -> Int32? {
        switch algorithm {
        case .es256:
            var owned = es256_pk_new()
            defer { es256_pk_free(&owned) }
            guard let key = owned, es256_pk_from_ptr(key, bytes, bytes.count) == FIDO_OK else {
                return nil
            }
            return body(UnsafeRawPointer(key))
        case .eddsa:
            var owned = eddsa_pk_new()
            defer { eddsa_pk_free(&owned) }
            guard let key = owned, eddsa_pk_from_ptr(key, bytes, bytes.count) == FIDO_OK else {
                return nil
            }
            return body(UnsafeRawPointer(key))
        case .rs256:
            var owned = rs256_pk_new()
            defer { rs256_pk_free(&owned) }
            guard let key = owned, rs256_pk_from_ptr(key, bytes, bytes.count) == FIDO_OK else {
                return nil
            }
            return body(UnsafeRawPointer(key))
        }
    }
}
