import Contracts
import Crypto
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf

/// Begins, ends and lists sessions.
struct SessionDesk: Sendable {
    let log: any RecordLog<SessionState>
    let tokens: TokenAuthority
    let now: @Sendable () -> Date

    /// A session about to begin.
    struct Beginning: Sendable {
        let session: PortalSession
        /// SHA-256 of issuer and assertion ID, hexadecimal.
        let assertionHash: String
        let assertionKeepUntil: Date
        let events: [TrailEvent]
    }

    enum Refusal: Error, Equatable {
        /// The assertion has been used before.
        case replayed
    }

    /// Session, replay record and events in one append; only then the token.
    ///
    /// Throws: `Refusal.replayed`, or what the log or the keys service says.
    func begin(_ beginning: Beginning, instance: InstanceSnapshot) async throws -> String {
        var record = PortalSessionRecord()
        record.session = beginning.session
        var used = PortalAssertionRecord()
        used.keepUntilUs = beginning.assertionKeepUntil.microseconds
        let hash = beginning.assertionHash
        let changes = [
            RecordChange(
                key: "session/\(beginning.session.sessionID)", value: try record.serializedBytes()),
            RecordChange(key: "assertion/\(hash)", value: try used.serializedBytes()),
        ]
        _ = try await log.write { state in
            guard state.assertions[hash] == nil else { throw Refusal.replayed }
            return RecordWrite(changes: changes, events: beginning.events)
        }
        return try await token(of: beginning.session, instance: instance)
    }

    /// The token of a session whose record is written.
    func token(of session: PortalSession, instance: InstanceSnapshot) async throws -> String {
        let claims = SessionClaims(
            iss: instance.issuer, sub: session.userID, sid: session.sessionID,
            name: session.userName, region: session.region,
            iat: session.createdAtUs / 1_000_000, exp: session.expiresAtUs / 1_000_000)
        return try await tokens.sign(claims, keyID: instance.instance.signingKeyID)
    }

    /// Revokes one session. Harmless when it is revoked already. The session need not be known
    /// here yet: the revocation waits for it.
    @discardableResult
    func end(
        sessionID: String, userID: String, expires: Date, cause: String, events: [TrailEvent]
    ) async throws -> LogPosition {
        let change = try revocation(sessionID, userID, expires, cause)
        return try await log.write { state in
            RecordWrite(changes: state.isRevoked(sessionID) ? [] : [change], events: events)
        }
    }

    /// Revokes all sessions of a user in which something can still be used. Returns how many.
    func endAll(
        of userID: String, events: [TrailEvent]
    ) async throws -> (count: Int, position: LogPosition) {
        let time = now().microseconds
        let live = try log.read { $0.revocableSessions(of: userID, now: time) }
        let changes = try live.prefix(1_000).map {
            try revocation($0.sessionID, userID, Date(microseconds: $0.expiresAtUs), "revoked")
        }
        let position = try await log.write { _ in RecordWrite(changes: changes, events: events) }
        return (changes.count, position)
    }

    /// Sessions that have not expired, newest first. `matching`: part of the user name.
    func list(
        userID: String = "", matching: String = "", offset: Int, limit: Int
    ) throws -> (sessions: [PortalSession], hasMore: Bool) {
        let time = now().microseconds
        let needle = matching.lowercased()
        let found = try log.read { state in
            state.sessions.values.filter { session in
                session.expiresAtUs > time && (userID.isEmpty || session.userID == userID)
                    && (needle.isEmpty || session.userName.lowercased().contains(needle))
            }.map { session in
                var session = session
                session.revoked = state.isRevoked(session.sessionID)
                return session
            }
        }
        let ordered = found.sorted {
            ($1.createdAtUs, $1.sessionID) < ($0.createdAtUs, $0.sessionID)
        }
        return (Array(ordered.dropFirst(offset).prefix(limit)), ordered.count > offset + limit)
    }

    func session(_ id: String) throws -> PortalSession? { try log.read { $0.sessions[id] } }

    func revocation(
        _ sessionID: String, _ userID: String, _ expires: Date, _ cause: String
    ) throws -> RecordChange {
        var record = PortalRevocationRecord()
        record.sessionID = sessionID
        record.userID = userID
        record.revokedAtUs = now().microseconds
        record.cause = cause
        record.keepUntilUs = expires.microseconds + SessionState.credentialsOutlive
        return RecordChange(
            key: "revocation/\(sessionID)", value: try record.serializedBytes())
    }
}

extension Date {
    var microseconds: Int64 { Int64((timeIntervalSince1970 * 1_000_000).rounded()) }

    init(microseconds: Int64) {
        self.init(timeIntervalSince1970: Double(microseconds) / 1_000_000)
    }
}

/// SHA-256 as lower-case hexadecimal.
func hexHash(_ text: String) -> String { hexHash(bytes: Array(text.utf8)) }

/// SHA-256 as lower-case hexadecimal.
func hexHash(bytes: [UInt8]) -> String {
    SHA256.hash(data: bytes).hexadecimal
}
