import Contracts
import Crypto
import Cryptography
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf

/// Short-lived keys for a role, as the built-in account provider gives them (decision 3).
struct RoleCredentials: Sendable {
    /// How long they are good for.
    let seconds: Int64
    /// "ASIA" and 16 of A-Z, 2-7.
    let accessKeyID: String
    /// 40 characters.
    let secretAccessKey: String
    let sessionToken: String
    let expires: Date
    let role: PermissionCheckRoleResponse
}

/// Keys for an operator, who has shown a certificate.
struct OperatorKeys: Sendable {
    let claims: OperatorClaims
    let secretAccessKey: String
    let sessionToken: String
}

/// What a session token says, with the secret that goes with it.
struct CredentialIdentity: Sendable {
    enum Holder: Sendable {
        case role(RoleClaims)
        case administrator(OperatorClaims)
    }

    let holder: Holder
    let accessKeyID: String
    let secretAccessKey: String
    let hasEnded: Bool
}

/// Gives and recognises role credentials.
///
/// The session token is signed, names account, role, user and end, and travels with every
/// request. The secret access key is an HMAC over those facts with a credential key that
/// each Region makes for itself and that replicates sealed, so every Region recognises credentials
/// of every other one alone, and nothing is stored per credential.
struct CredentialIssuer: Sendable {
    let sessions: any RecordLog<SessionState>
    let tokens: TokenAuthority
    let access: PersonAccess
    let trail: any TrailRecorder
    let region: String
    let now: @Sendable () -> Date

    /// Checks the assignment, and gives the keys once the event is recorded.
    ///
    /// Throws: PERMISSION_DENIED ROLE_NOT_ASSIGNED, and what the services say.
    func issue(
        to person: SignedInPerson, account: String, role: String, actor: TrailActor,
        options: CallOptions
    ) async throws -> RoleCredentials {
        let checked = try await access.role(
            role, in: account, of: person.user.userID, options: options)
        return try await issue(checked, to: person, account: account, role: role, actor: actor)
    }

    /// The same for a role that has just been checked for this person.
    func issue(
        _ checked: PermissionCheckRoleResponse, to person: SignedInPerson, account: String,
        role: String, actor: TrailActor
    ) async throws -> RoleCredentials {
        let key = try await issuingKey()
        let claims = try makeClaims(person, checked, key)
        // Signed meanwhile; nobody is given it unless the event is on disk.
        async let signed = tokens.sign(claims, keyID: person.instance.instance.signingKeyID)
        try await trail.record([
            TrailEvent(
                name: "GetRoleCredentials", source: "sso.amazonaws.com", actor: actor,
                type: "AwsServiceEvent",
                additional: person.emergency == nil
                    ? [:] : ["BreakGlassGrantId": person.claims.sid],
                serviceDetails: ["account_id": account, "role_name": role])
        ])
        let token = try await signed
        return RoleCredentials(
            seconds: claims.exp - claims.iat, accessKeyID: claims.accessKeyID,
            secretAccessKey: Self.secret(claims, key: key.key),
            sessionToken: token, expires: Date(timeIntervalSince1970: Double(claims.exp)),
            role: checked)
    }

    /// Keys for an operator, recorded before they are made. The caller has checked who it is.
    func issue(
        operatorName name: String, seconds: Int64, actor: TrailActor, instance: InstanceSnapshot
    ) async throws -> OperatorKeys {
        let key = try await issuingKey()
        try await trail.record([
            TrailEvent(
                name: "GetSessionToken", source: "sts.amazonaws.com", actor: actor,
                request: ["durationSeconds": seconds])
        ])
        let start = Int64(now().timeIntervalSince1970)
        let claims = OperatorClaims(
            iss: instance.issuer, name: name,
            accessKeyID: "ASIA" + Self.base32(try Random.bytes(16)), keyID: key.keyID,
            iat: start, exp: start + seconds)
        return OperatorKeys(
            claims: claims, secretAccessKey: Self.secret(claims, key: key.key),
            sessionToken: try await tokens.sign(claims, keyID: instance.instance.signingKeyID))
    }

    /// Whose a session token is; nil when it is not one of this instance or its credential key has
    /// not arrived here.
    func identity(token: String, instance: InstanceSnapshot) async throws -> CredentialIdentity? {
        if let claims: RoleClaims = try await signedClaims(token, instance) {
            return try identity(.role(claims), claims)
        }
        if let claims: OperatorClaims = try await signedClaims(token, instance) {
            return try identity(.administrator(claims), claims)
        }
        return nil
    }

    private func signedClaims<Claims: CredentialClaims>(
        _ token: String, _ instance: InstanceSnapshot
    ) async throws -> Claims? {
        try await tokens.verifyIgnoringEnd(
            token, as: Claims.self, keyID: instance.instance.signingKeyID, issuer: instance.issuer)
    }

    private func identity(
        _ holder: CredentialIdentity.Holder, _ claims: some CredentialClaims
    ) throws -> CredentialIdentity? {
        guard let key = try credentialKey(claims.keyID) else { return nil }
        return CredentialIdentity(
            holder: holder, accessKeyID: claims.accessKeyID,
            secretAccessKey: Self.secret(claims, key: key.key), hasEnded: tokens.hasEnded(claims))
    }

    private func makeClaims(
        _ person: SignedInPerson, _ checked: PermissionCheckRoleResponse,
        _ key: PortalCredentialKeyRecord
    ) throws -> RoleClaims {
        let start = Int64(now().timeIntervalSince1970)
        let seconds = checked.permissionSet.sessionDurationSeconds
        // What is taken in an emergency is over with it.
        let limit = person.emergency == nil ? Int64.max : person.claims.exp
        return RoleClaims(
            iss: person.instance.issuer, sub: person.user.userID, sid: person.claims.sid,
            name: person.user.userName, account: checked.account.accountID,
            role: checked.roleName, roleARN: checked.roleArn,
            accessKeyID: "ASIA" + Self.base32(try Random.bytes(16)), keyID: key.keyID,
            iat: start, exp: min(limit, start + Int64(seconds == 0 ? 3_600 : seconds)))
    }

    /// This Region's own key; made and replicated when there is none yet.
    func issuingKey() async throws -> PortalCredentialKeyRecord {
        if let key = try ownKey() { return key }
        var record = PortalCredentialKeyRecord()
        record.keyID = RandomID.make()
        record.key = Data(try Random.bytes(32))
        record.createdAtUs = now().microseconds
        record.region = region
        let change = RecordChange(
            key: "credential-key/\(record.keyID)", value: try record.serializedBytes())
        let region = region
        _ = try await sessions.write { state in
            let isThere = state.credentialKeys.values.contains { $0.region == region }
            return RecordWrite(
                changes: isThere ? [] : [change], events: [], exclusive: ["credential-key"])
        }
        guard let key = try ownKey() else {
            throw RPCError(
                .unavailable, reason: "CREDENTIAL_KEY_MISSING",
                message: "The credential key is not there yet.")
        }
        return key
    }

    /// A key of any Region; nil when it has not arrived here.
    func credentialKey(_ id: String) throws -> PortalCredentialKeyRecord? {
        try sessions.read { $0.credentialKeys[id] }
    }

    private func ownKey() throws -> PortalCredentialKeyRecord? {
        try sessions.read { state in
            state.credentialKeys.values.filter { $0.region == region }
                .max { ($0.createdAtUs, $0.keyID) < ($1.createdAtUs, $1.keyID) }
        }
    }

    /// The first 240 bits of the HMAC in base64: 40 characters, as AWS' keys have.
    private static func secret(_ claims: some CredentialClaims, key: Data) -> String {
        secret(of: claims.secretFacts, key: key)
    }

    /// The same of other facts, of which the first names the kind.
    static func secret(of facts: [String], key: Data) -> String {
        let facts = facts.joined(separator: "\n")
        let code = HMAC<Crypto.SHA256>.authenticationCode(
            for: Data(facts.utf8), using: SymmetricKey(data: key))
        return String(Data(code).base64EncodedString().prefix(40))
    }

    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    /// One letter of A-Z, 2-7 for each byte.
    static func base32(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.map { letters[Int($0 & 31)] }, as: UTF8.self)
    }
}
