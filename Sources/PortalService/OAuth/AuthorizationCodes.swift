import Foundation
import Synchronization

/// What a person has allowed a client, until it has its tokens.
struct OAuthGrant: Sendable {
    let session: SessionClaims
    /// `OAuthClients.Client.hash`.
    let client: String
    let scopes: [String]
}

/// Authorization codes: good once, for a minute, for the client that can show what it hashed before
/// (PKCE, RFC 7636). Held by the process that gave them.
final class AuthorizationCodes: Sendable {
    static let lifetime: TimeInterval = 60
    private static let countMax = 10_000

    struct Issued: Sendable {
        let grant: OAuthGrant
        let redirect: String
        /// SHA-256 of the verifier in base64url.
        let challenge: String
        let issuedAt: Date
    }

    private let held = Mutex<[String: Issued]>([:])

    func issue(_ issued: Issued) throws -> String {
        let code = try PendingSignIns.randomHex(32)
        held.withLock { held in
            if held.count >= Self.countMax {
                held = held.filter {
                    issued.issuedAt.timeIntervalSince($0.value.issuedAt) < Self.lifetime
                }
                if held.count >= Self.countMax { held.removeAll() }
            }
            held[code] = issued
        }
        return code
    }

    /// Gives a code back that could not be used: the tokens could not be made.
    func giveBack(_ code: String, _ issued: Issued) { held.withLock { $0[code] = issued } }

    /// What a code was given for. It is good for nothing afterwards, whatever comes of this.
    func redeem(_ code: String, now: Date) -> Issued? {
        guard let issued = held.withLock({ $0.removeValue(forKey: code) }),
            now.timeIntervalSince(issued.issuedAt) < Self.lifetime
        else { return nil }
        return issued
    }
}
