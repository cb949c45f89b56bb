import Foundation
import JWTKit

/// What a client's ID says: the registration is the ID, so every Region knows every client
/// (decision 14).
struct ClientClaims: PortalClaims, Equatable {
    static let use = "oauth-client"
    var iss: String
    /// Random, so that two registrations are two clients.
    var jti: String
    var name: String
    /// Loopback addresses without a port.
    var redirects: [String]
    var scopes: [String]
    var grants: [String]
    /// Which credential key gives the client's secret.
    var keyID: String
    var iat: Int64
    var exp: Int64
    var use: String = ClientClaims.use

    var mayRefresh: Bool { grants.contains(OAuthClients.refreshGrant) }

    func verify(using algorithm: some JWTAlgorithm) throws {}
}

/// What an access token says: who may be asked for in whose session, for a while.
struct AccessClaims: PortalClaims, Equatable {
    static let use = "access"
    var iss: String
    /// User ID.
    var sub: String
    /// The session that it belongs to, and when that ends.
    var sid: String
    var sessionEnd: Int64
    var name: String
    /// The Region the session began in.
    var region: String
    var scopes: [String]
    var iat: Int64
    var exp: Int64
    var use: String = AccessClaims.use

    func verify(using algorithm: some JWTAlgorithm) throws {}

    /// The session as its own token names it.
    var session: SessionClaims {
        SessionClaims(
            iss: iss, sub: sub, sid: sid, name: name, region: region, iat: iat, exp: sessionEnd)
    }
}

/// What a refresh token says. It ends with the session.
struct RefreshClaims: PortalClaims, Equatable {
    static let use = "refresh"
    var iss: String
    var sub: String
    var sid: String
    var name: String
    var region: String
    /// SHA-256 of the ID of the client that it was given to.
    var client: String
    var scopes: [String]
    var iat: Int64
    var exp: Int64
    var use: String = RefreshClaims.use

    func verify(using algorithm: some JWTAlgorithm) throws {}

    var session: SessionClaims {
        SessionClaims(
            iss: iss, sub: sub, sid: sid, name: name, region: region, iat: iat, exp: exp)
    }
}
