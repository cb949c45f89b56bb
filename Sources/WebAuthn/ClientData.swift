import Cryptography
import Foundation

/// What the browser says it was asked, as the key signed it.
struct ClientData: Sendable {
    static let bytesMax = 4_096

    enum Ceremony: String {
        case registration = "webauthn.create"
        case assertion = "webauthn.get"
    }

    /// SHA-256 of the bytes.
    let hash: [UInt8]

    private struct Fields: Decodable {
        let type: String
        let challenge: String
        let origin: String
        let crossOrigin: Bool?
    }

    /// Checks that the browser was asked for this, with this challenge, on a page of this origin.
    ///
    /// - Parameter challenge: in base64url without padding, as browsers write it.
    init(
        _ json: [UInt8], ceremony: Ceremony, challenge: String, origin: String
    ) throws(KeyRefusal) {
        guard json.count <= Self.bytesMax,
            let fields = try? JSONDecoder().decode(Fields.self, from: Data(json)),
            let hash = try? SHA256.hash(json)
        else { throw .clientDataMalformed }
        guard fields.type == ceremony.rawValue else { throw .wrongCeremony }
        guard constantTimeEquals(Array(fields.challenge.utf8), Array(challenge.utf8)) else {
            throw .wrongChallenge
        }
        guard fields.origin == origin else { throw .wrongOrigin }
        guard fields.crossOrigin != true else { throw .crossOrigin }
        self.hash = hash
    }
}
