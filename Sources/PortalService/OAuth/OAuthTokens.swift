import Contracts
import Foundation
import RPC
import ServiceKit

/// Gives access and refresh tokens for what somebody has allowed.
///
/// They are tokens of the person's session: they end with it, in every Region, and are revoked with it.
struct OAuthTokens: Sendable {
    /// Seconds of an access token that can be refreshed.
    static let accessLifetime: Int64 = 3_600

    let authenticator: Authenticator
    let tokens: TokenAuthority
    let trail: any TrailRecorder
    let now: @Sendable () -> Date

    struct Issued: Sendable {
        let access: String
        let seconds: Int64
        let refresh: String?
    }

    /// Checks session and user, records the event, then signs.
    ///
    /// Throws: `OAuthRefusal` InvalidGrantException; what the services say.
    func issue(
        _ grant: OAuthGrant, to client: OAuthClients.Client, grantType: String,
        actor: (SignedInPerson) -> TrailActor
    ) async throws -> Issued {
        guard let person = try await authenticator.person(of: grant.session, token: "") else {
            throw OAuthRefusal(
                .invalidGrant, "The session has ended, or its user may not sign in any more.")
        }
        try await trail.record([
            TrailEvent(
                name: "CreateToken", source: "sso.amazonaws.com", actor: actor(person),
                request: [
                    "clientId": client.claims.jti, "clientName": client.claims.name,
                    "grantType": grantType,
                ],
                response: ["tokenType": "Bearer"])
        ])
        let start = Int64(now().timeIntervalSince1970)
        let session = grant.session
        let end =
            client.claims.mayRefresh ? min(session.exp, start + Self.accessLifetime) : session.exp
        let key = person.instance.instance.signingKeyID
        let access = AccessClaims(
            iss: session.iss, sub: session.sub, sid: session.sid, sessionEnd: session.exp,
            name: session.name, region: session.region, scopes: grant.scopes, iat: start, exp: end)
        var refresh: String?
        if client.claims.mayRefresh {
            refresh = try await tokens.sign(
                RefreshClaims(
                    iss: session.iss, sub: session.sub, sid: session.sid, name: session.name,
                    region: session.region, client: client.hash, scopes: grant.scopes, iat: start,
                    exp: session.exp), keyID: key)
        }
        return Issued(
            access: try await tokens.sign(access, keyID: key), seconds: end - start,
            refresh: refresh)
    }

    /// What a refresh token stands for.
    ///
    /// Throws: `OAuthRefusal` InvalidGrantException.
    func grant(
        refresh token: String, of client: OAuthClients.Client, instance: InstanceSnapshot
    ) async throws -> OAuthGrant {
        let claims = try await tokens.verify(
            token, as: RefreshClaims.self, keyID: instance.instance.signingKeyID,
            issuer: instance.issuer)
        guard let claims, claims.client == client.hash else {
            throw OAuthRefusal(
                .invalidGrant, "The refresh token has ended or was given to another client.")
        }
        return OAuthGrant(session: claims.session, client: claims.client, scopes: claims.scopes)
    }
}
