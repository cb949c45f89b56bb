import Contracts
import Foundation
import Hummingbird
import RPC

/// Finds out who sends a request. Everything it needs is in this Region.
struct Authenticator: Sendable {
    let instance: InstanceWatch
    let tokens: TokenAuthority
    let sessions: any RecordLog<SessionState>
    let directory: DirectoryClient
    let breakGlass: any RecordLog<BreakGlassState>

    /// The person of the session cookie; nil when there is none or it is no longer good.
    func person(_ request: Request) async throws -> SignedInPerson? {
        guard let token = request.cookie(PortalCookie.session) else { return nil }
        return try await person(token: token)
    }

    /// The person of a session token. Signature, end, revocation and the user are checked anew.
    ///
    /// Throws when one of the checks cannot be made: a session is then not honoured.
    func person(token: String) async throws -> SignedInPerson? {
        let claims: SessionClaims? = try await claims(token)
        guard let claims else { return nil }
        return try await person(of: claims, token: token)
    }

    /// The same for what tools show: an access token (decision 14), or the session's own.
    func person(bearer token: String) async throws -> SignedInPerson? {
        guard let claims = try await claims(bearer: token) else { return nil }
        return try await person(of: claims, token: token)
    }

    /// The session that a bearer of tools names. Whether it goes on is for `person(of:token:)` to say.
    func claims(bearer token: String) async throws -> SessionClaims? {
        let snapshot = try instance.required()
        switch tokens.known(token, keyID: snapshot.instance.signingKeyID) {
        case let claims as SessionClaims: return claims
        case is AccessClaims, nil: break
        default: return nil
        }
        let access: AccessClaims? = try await claims(token)
        if let access { return access.session }
        return try await claims(token)
    }

    private func claims<Claims: PortalClaims>(_ token: String) async throws -> Claims? {
        let snapshot = try instance.required()
        return try await tokens.verify(
            token, as: Claims.self, keyID: snapshot.instance.signingKeyID, issuer: snapshot.issuer)
    }

    /// Whose session it is, if it goes on and its user may sign in.
    func person(of claims: SessionClaims, token: String) async throws -> SignedInPerson? {
        let snapshot = try instance.required()
        guard claims.iss == snapshot.issuer, !tokens.hasEnded(claims) else { return nil }
        guard try !sessions.read({ $0.isRevoked(claims.sid) }) else { return nil }
        if BreakGlassState.isBreakGlass(claims.sub) {
            return try emergency(claims, token: token, snapshot)
        }
        guard let user = try await user(claims.sub), user.enabled else { return nil }
        return SignedInPerson(claims: claims, token: token, user: user, instance: snapshot)
    }

    /// Of a session that was opened with a security key: its user is not one of the directory.
    private func emergency(
        _ claims: SessionClaims, token: String, _ snapshot: InstanceSnapshot
    ) throws -> SignedInPerson? {
        guard let known = try breakGlass.read({ $0.users[claims.sub]?.user }), known.enabled else {
            return nil
        }
        var user = DirectoryUser()
        user.userID = known.userID
        user.userName = known.name
        user.displayName = known.displayName
        user.enabled = true
        let left = claims.exp - Int64(tokens.now().timeIntervalSince1970)
        return SignedInPerson(
            claims: claims, token: token, user: user, instance: snapshot,
            emergency: .init(roles: known.roles, secondsLeft: left))
    }

    /// Whether the person is in the group that administers the instance. No group: nobody. Nobody is in
    /// an emergency either.
    func isAdministrator(_ person: SignedInPerson) async throws -> Bool {
        guard person.emergency == nil else { return false }
        let group = person.instance.instance.administratorGroupID
        guard !group.isEmpty else { return false }
        var request = DirectoryListGroupsOfUserRequest()
        request.userID = person.user.userID
        let answer = try await directory.listGroupsOfUser(
            request, options: CallOptions(timeout: .seconds(5)))
        return answer.groups.contains { $0.groupID == group }
    }

    private func user(_ id: String) async throws -> DirectoryUser? {
        var request = DirectoryGetUserRequest()
        request.userID = id
        do {
            return try await directory.getUser(
                request, options: CallOptions(timeout: .seconds(5))
            ).user
        } catch let error as RPCError where error.code == .notFound {
            return nil
        }
    }
}
