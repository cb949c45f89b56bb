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

/// What the token of an operator's credentials says.
struct OperatorClaims: JWTPayload, Equatable {
    static let use = "operator-credentials"
    var iss: String
    /// The operator's name.
    var name: String
    var accessKeyID: String
    /// Which credential key gives the secret.
    var keyID: String
    var iat: Int64
    var exp: Int64
    var use: String = OperatorClaims.use

    func verify(using algorithm: some JWTAlgorithm) throws {}
}

/// The claims every token of this portal has.
protocol PortalClaims: JWTPayload {
    static var use: String { get }
    var iss: String { get }
    var use: String { get }
    var exp: Int64 { get }
}

/// The claims of a token that goes with an access key.
protocol CredentialClaims: PortalClaims {
    var accessKeyID: String { get }
    var keyID: String { get }
    /// What the secret access key is derived from; the first names the kind.
    var secretFacts: [String] { get }
}

extension SessionClaims: PortalClaims {}

extension RoleClaims: CredentialClaims {
    var secretFacts: [String] {
        ["portolan role credentials 1", accessKeyID, account, role, sub, String(exp)]
    }

    /// The permission set of "AWSReservedSSO_<permission set>_<16 hexadecimal digits>".
    var permissionSetName: String {
        String(role.dropFirst("AWSReservedSSO_".count).dropLast(17))
    }
}

extension OperatorClaims: CredentialClaims {
    var secretFacts: [String] {
        ["portolan operator credentials 1", accessKeyID, name, String(exp)]
    }
}
