import Contracts
import Foundation
import Hummingbird
import Logging
import RPC
import ServiceKit
import WebAuthn

/// From a security key to a session, without the identity provider and without another Region.
struct EmergencySignIn: Sendable {
    let instance: InstanceWatch
    let breakGlass: any RecordLog<BreakGlassState>
    let grants: GrantDesk
    let ceremony: KeyCeremony
    let trail: any TrailRecorder
    /// https URL of this portal.
    let portalURL: String
    let now: @Sendable () -> Date
    let challenges = KeyChallenges<Wish>()
    /// All attempts of one network.
    private let attempts: RequestBudget
    /// Attempts in one name that failed. Who has the key gets in all the same.
    private let failures: RequestBudget
    private let refusals: RequestBudget

    init(
        instance: InstanceWatch, breakGlass: any RecordLog<BreakGlassState>, grants: GrantDesk,
        ceremony: KeyCeremony, trail: any TrailRecorder, portalURL: String,
        limits: LimitCounts, now: @escaping @Sendable () -> Date
    ) {
        self.instance = instance
        self.breakGlass = breakGlass
        self.grants = grants
        self.ceremony = ceremony
        self.trail = trail
        self.portalURL = portalURL
        attempts = RequestBudget(perSecond: 0.5, burst: 20, .emergencyAttempts, limits)
        failures = RequestBudget(perSecond: 0.1, burst: 5, .emergencyFailures, limits)
        refusals = .ofRefusals(limits)
        self.now = now
    }

    /// What somebody asks for.
    struct Wish: Sendable {
        let userName: String
        let reason: String
        let seconds: Int
    }

    /// What the browser needs to ask the key.
    struct Question: Sendable {
        let handle, challenge: String
        let credentialIDs: [Data]
    }

    /// A challenge for a name, whether or not somebody has it.
    func ask(
        _ wish: Wish, browserSecret: String, _ context: PortalContext
    ) throws -> Question {
        try takeAttempt(context)
        let rpID = ceremony.party.id
        let ids = try breakGlass.read { $0.credentialIDs(for: wish.userName, rpID: rpID) }
        let pending = try challenges.begin(wish, browserSecret: browserSecret, now: now())
        return Question(
            handle: pending.handle, challenge: pending.challenge, credentialIDs: ids)
    }

    /// Takes the key's answer. Returns the session's token and how many seconds it is good for.
    func answer(
        _ form: Form, _ request: Request, _ context: PortalContext
    ) async throws -> (token: String, seconds: Int) {
        try takeAttempt(context)
        let snapshot = try instance.required()
        let pending = challenges.take(
            handle: form["handle"], browserSecret: request.cookie(PortalCookie.securityKey),
            now: now())
        let actor = TrailActor.edge(request, context, snapshot)
        guard let pending else {
            try await refuse("CHALLENGE_EXPIRED", nil, actor, context, .emergencyExpired)
        }
        let wish = pending.payload
        let record = try breakGlass.read { $0.find(wish.userName) }
        do {
            let (user, key, count) = try verified(
                form, record?.user, challenge: pending.challenge)
            return try await enter(
                Entry(wish: wish, user: user, key: key, signCount: count), request, context,
                snapshot)
        } catch let refusal as KeyRefusal {
            try await fail(refusal.rawValue, wish, record?.user, actor, context)
        } catch let refusal as Refusal {
            try await fail(refusal.rawValue, wish, record?.user, actor, context)
        }
    }

    private enum Refusal: String, Error {
        case unknownUser = "BREAK_GLASS_USER_NOT_FOUND"
        case disabledUser = "BREAK_GLASS_USER_DISABLED"
        case unknownKey = "SECURITY_KEY_UNKNOWN"
    }

    private struct Entry: Sendable {
        let wish: Wish
        let user: PortalBreakGlassUser
        let key: PortalSecurityKey
        let signCount: UInt32
    }

    private func verified(
        _ form: Form, _ user: PortalBreakGlassUser?, challenge: String
    ) throws -> (user: PortalBreakGlassUser, key: PortalSecurityKey, count: UInt32) {
        let id = Data(KeyCeremony.bytes(form, "credential"))
        let key = user?.keys.first { $0.credentialID == id && $0.rpID == ceremony.party.id }
        let known = key.flatMap {
            AssertionKey(algorithm: $0.algorithm, bytes: Array($0.publicKey))
        }
        let last = try grants.log.read { $0.grants.signCount(id) }
        let assertion = UnverifiedAssertion(
            clientDataJSON: KeyCeremony.bytes(form, "client_data"),
            authenticatorData: KeyCeremony.bytes(form, "authenticator_data"),
            signature: KeyCeremony.bytes(form, "signature"))
        // Without a user or a key the same work is done, so that the time tells nothing either.
        let count = Result { () throws(KeyRefusal) in
            try assertion.verified(
                by: known ?? .nobodys, for: ceremony.party, challenge: challenge,
                lastCount: max(last, key?.signCount ?? 0))
        }
        guard let user else { throw Refusal.unknownUser }
        guard user.enabled else { throw Refusal.disabledUser }
        guard let key, known != nil else { throw Refusal.unknownKey }
        return (user, key, try count.get())
    }

    private func enter(
        _ entry: Entry, _ request: Request, _ context: PortalContext, _ snapshot: InstanceSnapshot
    ) async throws -> (token: String, seconds: Int) {
        let seconds = min(entry.wish.seconds, Int(entry.user.maxGrantSeconds))
        let session = makeSession(entry.user, seconds, request, context, snapshot)
        var grant = PortalBreakGlassGrant()
        grant.grantID = session.sessionID
        grant.userID = entry.user.userID
        grant.userName = entry.user.name
        grant.region = snapshot.region
        grant.reason = entry.wish.reason
        grant.openedAtUs = session.createdAtUs
        grant.expiresAtUs = session.expiresAtUs
        grant.sourceIpAddress = session.sourceIpAddress
        grant.userAgent = session.userAgent
        grant.credentialID = entry.key.credentialID
        grant.roles = entry.user.roles
        grant.excludedReviewers = Set(
            [entry.user.name, entry.user.operatorName, entry.key.enrolledBy].filter { !$0.isEmpty }
        ).sorted()
        var actor = TrailActor.edge(request, context, snapshot)
        actor.name(entry.user)
        actor.credentialID = grant.grantID
        let token = try await grants.open(
            GrantDesk.Opening(
                session: session, grant: grant, signCount: entry.signCount,
                events: BreakGlassEvents.opened(
                    grant, askedSeconds: entry.wish.seconds, loginTo: portalURL + "/start",
                    actor: actor)), instance: snapshot)
        context.logger.warning(
            "emergency access was opened",
            metadata: ["grant": "\(grant.grantID)", "user": "\(entry.user.name)"])
        return (token, seconds)
    }

    private func makeSession(
        _ user: PortalBreakGlassUser, _ seconds: Int, _ request: Request,
        _ context: PortalContext, _ snapshot: InstanceSnapshot
    ) -> PortalSession {
        let start = now()
        var session = PortalSession()
        session.sessionID = RandomID.make()
        session.userID = user.userID
        session.userName = user.name
        session.region = snapshot.region
        session.createdAtUs = start.microseconds
        session.expiresAtUs = start.addingTimeInterval(Double(seconds)).microseconds
        session.sourceIpAddress = context.sourceAddress
        session.userAgent = request.userAgent
        return session
    }

    private func takeAttempt(_ context: PortalContext) throws {
        guard attempts.take(Network.of(context.sourceAddress), now: now()) else {
            context.logger.warning("too many attempts of emergency access from one network")
            throw PortalFailure.emergencyTooMany
        }
    }

    private func fail(
        _ code: String, _ wish: Wish, _ user: PortalBreakGlassUser?, _ actor: TrailActor,
        _ context: PortalContext
    ) async throws -> Never {
        let isFirst = failures.take(wish.userName.lowercased(), now: now())
        try await refuse(
            code, user, actor, context, isFirst ? .emergencyRefused(code) : .emergencyTooMany)
    }

    private func refuse(
        _ code: String, _ user: PortalBreakGlassUser?, _ actor: TrailActor,
        _ context: PortalContext, _ failure: PortalFailure
    ) async throws -> Never {
        context.logger.warning("emergency access was refused", metadata: ["code": "\(code)"])
        if refusals.take(now: now()) {
            try await trail.record([
                BreakGlassEvents.refused(
                    code, user: user, loginTo: portalURL + "/start", actor: actor)
            ])
        }
        throw failure
    }
}
