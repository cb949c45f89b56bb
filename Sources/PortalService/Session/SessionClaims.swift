import Foundation
import JWTKit

/// What a session token says. The token is the session, in every Region (decision 4).
struct SessionClaims: JWTPayload, Equatable {
    static let use = "session"
    /// The instance.
    var iss: String
    /// User ID.
    var sub: String
    /// Session ID, a lower-case UUID.
    var sid: String
    /// User name.
    var name: String
    /// The Region the session began in.
    var region: String
    /// Seconds since 1970.
    var iat: Int64
    var exp: Int64
    /// What the token is for: one kind is never taken for another.
    var use: String = SessionClaims.use

    /// Times and the issuer are compared by `TokenAuthority` against its own clock.
    func verify(using algorithm: some JWTAlgorithm) throws {}
}

/// What the token of role credentials says. The secret key is not in it.
struct RoleClaims: JWTPayload, Equatable {
    static let use = "role-credentials"
    var iss: String
    /// User ID.
    var sub: String
    /// Session the credentials were taken in.
    var sid: String
    var name: String
    var account: String
    var role: String
    var roleARN: String
    var accessKeyID: String
    /// Which credential key gives the secret.
    var keyID: String
    var iat: Int64
    var exp: Int64
    var use: String = RoleClaims.use

    func verify(using algorithm: some JWTAlgorithm) throws {}
}

/// The claims every token of this portal has.
protocol PortalClaims: JWTPayload {
    static var use: String { get }
    var iss: String { get }
    var use: String { get }
    var exp: Int64 { get }
}

extension SessionClaims: PortalClaims {}
extension RoleClaims: PortalClaims {}
