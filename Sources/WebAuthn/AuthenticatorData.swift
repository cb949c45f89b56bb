import Cryptography

/// The fixed part at the front of what a key says: whom it answers, and what its person did. What
/// follows is CBOR, which libfido2 reads.
///
/// Source: Web Authentication Level 2, section 6.1.
struct AuthenticatorData: Sendable {
    static let bytesMax = 4_096
    private static let fixedBytes = 37

    private let relyingPartyHash: [UInt8]
    private let flags: UInt8

    init(_ bytes: [UInt8]) throws(KeyRefusal) {
        guard (Self.fixedBytes...Self.bytesMax).contains(bytes.count) else {
            throw .authenticatorDataMalformed
        }
        relyingPartyHash = Array(bytes[..<32])
        flags = bytes[32]
        isBare = bytes.count == Self.fixedBytes && flags & 0xC0 == 0
    }

    /// Demands this relying party, a touch, a PIN or fingerprint, and a key that stays in its device.
    func check(_ relyingParty: RelyingParty) throws(KeyRefusal) {
        guard let expected = try? SHA256.hash(Array(relyingParty.id.utf8)),
            relyingPartyHash == expected
        else { throw .wrongRelyingParty }
        guard flags & 0x01 != 0 else { throw .userNotPresent }
        guard flags & 0x04 != 0 else { throw .userNotVerified }
        guard flags & 0x08 == 0 else { throw .notHardwareBound }
    }

    var hasCredential: Bool { flags & 0x40 != 0 }

    /// Whether it is the fixed part and nothing else, as a sign-in without extensions has it.
    let isBare: Bool
}
