package import Crypto
import Foundation

/// A security key in software (ES256), which lies on demand.
package final class SoftwareKey {
    package static let upAndVerified: UInt8 = 0x05

    package let credentialID: [UInt8]
    package let key = P256.Signing.PrivateKey()
    package var count: UInt32
    /// Presence, verification, backup.
    package var flags: UInt8 = SoftwareKey.upAndVerified

    package init(credentialID: [UInt8] = Array(repeating: 7, count: 32), count: UInt32 = 1) {
        self.credentialID = credentialID
        self.count = count
    }

    package struct Registration {
        package let clientDataJSON: [UInt8]
        package let authenticatorData: [UInt8]
    }

    package struct Assertion {
        package let clientDataJSON: [UInt8]
        package let authenticatorData: [UInt8]
        package let signature: [UInt8]

        package init(clientDataJSON: [UInt8], authenticatorData: [UInt8], signature: [UInt8]) {
            self.clientDataJSON = clientDataJSON
            self.authenticatorData = authenticatorData
            self.signature = signature
        }
    }

    package static func clientData(
        _ type: String, challenge: String, origin: String, crossOrigin: Bool = false
    ) -> [UInt8] {
        Array(
            """
            {"type":"\(type)","challenge":"\(challenge)","origin":"\(origin)",\
            "crossOrigin":\(crossOrigin)}
            """.utf8)
    }

    package func register(challenge: String, origin: String, rpID: String) -> Registration {
        let point = Array(key.publicKey.rawRepresentation)
        // The COSE key {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
        let cose: [UInt8] =
            [0xA5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32] + point[..<32] + [0x22, 0x58, 32]
            + point[32...]
        let length = [UInt8(credentialID.count >> 8), UInt8(credentialID.count & 0xFF)]
        return Registration(
            clientDataJSON: Self.clientData(
                "webauthn.create", challenge: challenge, origin: origin),
            authenticatorData: front(rpID, flags | 0x40)
                + [UInt8](repeating: 0, count: 16) + length + credentialID + cose)
    }

    /// Counts up and signs.
    package func assert(
        challenge: String, origin: String, rpID: String, type: String = "webauthn.get",
        crossOrigin: Bool = false
    ) throws -> Assertion {
        if count > 0 { count += 1 }
        let client = Self.clientData(
            type, challenge: challenge, origin: origin, crossOrigin: crossOrigin)
        let data = front(rpID, flags)
        let signed = Data(data) + Data(SHA256.hash(data: Data(client)))
        return Assertion(
            clientDataJSON: client, authenticatorData: data,
            signature: Array(try key.signature(for: signed).derRepresentation))
    }

    private func front(_ rpID: String, _ flags: UInt8) -> [UInt8] {
        Array(SHA256.hash(data: Data(rpID.utf8))) + [flags]
            + withUnsafeBytes(of: count.bigEndian, Array.init)
    }
}
