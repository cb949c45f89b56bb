internal import CFIDO2

/// What a browser hands over when a key has been registered. Nothing of it is believed yet.
package struct UnverifiedRegistration: Sendable {
    let clientDataJSON: [UInt8]
    let authenticatorData: [UInt8]

    package init(clientDataJSON: [UInt8], authenticatorData: [UInt8]) {
        self.clientDataJSON = clientDataJSON
        self.authenticatorData = authenticatorData
    }

    /// The key, if it was made for this relying party and challenge by a person it has verified.
    ///
    /// No attestation is asked for, so no statement about the key's maker is verified: who may register
    /// is decided by the enrolment code.
    package func verified(
        for relyingParty: RelyingParty, challenge: String
    ) throws(KeyRefusal) -> RegisteredKey {
        _ = try ClientData(
            clientDataJSON, ceremony: .registration, challenge: challenge,
            origin: relyingParty.origin)
        let data = try AuthenticatorData(authenticatorData)
        try data.check(relyingParty)
        guard data.hasCredential else { throw .authenticatorDataMalformed }
        let shape = try CredentialShape(authenticatorData)
        guard let key = Credential.read(shape.readable, shape.algorithm) else {
            throw .authenticatorDataMalformed
        }
        return key
    }
}

/// A key that was registered.
package struct RegisteredKey: Sendable, Equatable {
    package static let credentialBytesMax = 1_023

    package let credentialID: [UInt8]
    package let algorithm: KeyAlgorithm
    /// As libfido2 lays it out.
    package let publicKey: [UInt8]
    package let signCount: UInt32
    /// The model; all zero when the key does not say.
    package let aaguid: [UInt8]
}

/// Owns a `fido_cred_t` for as long as it takes to read one.
private enum Credential {
    static func read(_ authenticatorData: [UInt8], _ algorithm: KeyAlgorithm) -> RegisteredKey? {
        var credential = fido_cred_new()
        guard let cred = credential else { return nil }
        defer { fido_cred_free(&credential) }
        guard fido_cred_set_type(cred, algorithm.rawValue) == FIDO_OK,
            fido_cred_set_authdata_raw(cred, authenticatorData, authenticatorData.count) == FIDO_OK
        else { return nil }
        let id = bytes(fido_cred_id_ptr(cred), fido_cred_id_len(cred))
        let key = bytes(fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred))
        guard (1...RegisteredKey.credentialBytesMax).contains(id.count), !key.isEmpty else {
            return nil
        }
        return RegisteredKey(
            credentialID: id, algorithm: algorithm, publicKey: key,
            signCount: fido_cred_sigcount(cred),
            aaguid: bytes(fido_cred_aaguid_ptr(cred), fido_cred_aaguid_len(cred)))
    }

    private static func bytes(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
        pointer.map { Array(UnsafeBufferPointer(start: $0, count: count)) } ?? []
    }
}
