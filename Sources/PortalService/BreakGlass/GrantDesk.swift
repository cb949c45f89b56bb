import Contracts
import Foundation
import RPC
import ServiceKit
import SwiftProtobuf
import WebAuthn

/// Opens, ends, lists and reviews emergency grants. They are this Region's own records, so they need
/// no other Region.
struct GrantDesk: Sendable {
    let log: any RecordLog<SessionState>
    let sessions: SessionDesk
    let region: String
    let now: @Sendable () -> Date

    /// A grant about to open, with the session that it is.
    struct Opening: Sendable {
        let session: PortalSession
        let grant: PortalBreakGlassGrant
        let signCount: UInt32
        let events: [TrailEvent]
    }

    /// The end of the grant has been written already.
    struct Closed: Error {}

    /// Session, grant, counter and events in one append; only then the token.
    ///
    /// Throws: `KeyRefusal.counterRegression` when somebody else was quicker with the same key.
    func open(_ opening: Opening, instance: InstanceSnapshot) async throws -> String {
        let grant = opening.grant
        var session = PortalSessionRecord()
        session.session = opening.session
        var count = PortalSignCountRecord()
        count.count = opening.signCount
        let countKey = GrantState.signCountKey(grant.credentialID, region: region)
        let changes = [
            RecordChange(key: "session/\(grant.grantID)", value: try session.serializedBytes()),
            try Self.change(grant),
            RecordChange(key: countKey, value: try count.serializedBytes()),
        ]
        _ = try await log.write { state in
            let last = state.grants.signCount(grant.credentialID)
            guard opening.signCount > last || (opening.signCount == 0 && last == 0) else {
                throw KeyRefusal.counterRegression
            }
            return RecordWrite(changes: changes, events: opening.events)
        }
        return try await sessions.token(of: opening.session, instance: instance)
    }

    /// Of every Region, newest first.
    func list() throws -> [PortalBreakGlassGrant] {
        let time = now().microseconds
        return try log.read { $0.describedGrants(now: time) }
    }

    /// Throws: NOT_FOUND GRANT_NOT_FOUND.
    func grant(_ id: String) throws -> PortalBreakGlassGrant {
        let time = now().microseconds
        let found = try log.read { state in
            state.grants.all[id].map { state.described($0, now: time) }
        }
        guard let found else { throw BreakGlassRules.noGrant }
        return found
    }

    /// Throws: PERMISSION_DENIED OWN_GRANT; FAILED_PRECONDITION GRANT_OPEN, GRANT_REVIEWED; NOT_FOUND
    /// GRANT_NOT_FOUND; INVALID_ARGUMENT NOTE.
    func review(
        _ id: String, note: String, by reviewer: String,
        event: @escaping @Sendable (PortalBreakGlassGrant) -> TrailEvent
    ) async throws -> PortalBreakGlassGrant {
        guard BreakGlassRules.isText(note, BreakGlassRules.noteCharacters) else {
            throw BreakGlassRules.invalid("NOTE", "The note has 1 to 500 characters.")
        }
        let time = now().microseconds
        let (region, key) = (region, GrantState.reviewKey(id))
        _ = try await log.write { state in
            guard let found = state.grants.all[id] else { throw BreakGlassRules.noGrant }
            let grant = state.described(found, now: time)
            try Self.check(grant, reviewer: reviewer)
            var review = PortalBreakGlassReview()
            review.grantID = id
            review.reviewedBy = reviewer
            review.reviewedAtUs = time
            review.note = note
            review.region = region
            return RecordWrite(
                changes: [RecordChange(key: key, value: try review.serializedBytes())],
                events: [event(grant)])
        }
        return try grant(id)
    }

    /// A second person looks: neither the one who was in, nor who gave out the link that the key was
    /// enrolled with and so might hold it.
    private static func check(_ grant: PortalBreakGlassGrant, reviewer: String) throws {
        guard !reviewer.isEmpty,
            !grant.excludedReviewers.contains(where: {
                $0.caseInsensitiveCompare(reviewer) == .orderedSame
            })
        else {
            throw RPCError(
                .permissionDenied, reason: "OWN_GRANT",
                message: "Somebody else reviews this grant: \(reviewer) opened it, or enrolled the "
                    + "key that opened it.")
        }
        switch grant.state {
        case .open:
            throw RPCError(
                .failedPrecondition, reason: "GRANT_OPEN",
                message: "The grant is still open. Wait for its end, or revoke it.")
        case .reviewed:
            throw RPCError(
                .failedPrecondition, reason: "GRANT_REVIEWED",
                message: "\(grant.review.reviewedBy) has reviewed the grant.")
        default: break
        }
    }

    /// Ends the session, in every Region as soon as this has replicated.
    func revoke(
        _ id: String, event: @Sendable (PortalBreakGlassGrant) -> TrailEvent
    ) async throws -> LogPosition {
        let grant = try grant(id)
        guard grant.state == .open else {
            throw RPCError(
                .failedPrecondition, reason: "GRANT_OVER", message: "The grant has ended already.")
        }
        return try await sessions.end(
            sessionID: grant.grantID, userID: grant.userID,
            expires: Date(microseconds: grant.expiresAtUs), cause: "revoked",
            events: [event(grant)])
    }

    /// Writes the end of a grant of this Region down, once.
    ///
    /// Throws: `Closed`.
    func close(_ ended: PortalBreakGlassGrant, event: TrailEvent) async throws {
        var changes = [try Self.change(ended)]
        if ended.endCause == BreakGlassEvents.userGone {
            changes.append(
                try sessions.revocation(
                    ended.grantID, ended.userID, Date(microseconds: ended.expiresAtUs), "revoked"))
        }
        let all = changes
        _ = try await log.write { state in
            guard state.grants.all[ended.grantID]?.endedAtUs == 0 else { throw Closed() }
            return RecordWrite(changes: all, events: [event])
        }
    }

    /// As it is stored: what is computed is left out.
    private static func change(_ grant: PortalBreakGlassGrant) throws -> RecordChange {
        var record = PortalBreakGlassGrantRecord()
        record.grant = grant
        record.grant.state = .unspecified
        record.grant.clearReview()
        return RecordChange(
            key: GrantState.recordKey(grant.grantID), value: try record.serializedBytes())
    }
}
