import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import RPC
import ServiceKit

/// From "no session" to "session", through the identity provider.
struct SignInFlow: Sendable {
    static let responseBytesMax = 256 << 10
    let instance: InstanceWatch
    let gate: any AssertionGate
    let pending: PendingSignIns
    let desk: SessionDesk
    let breakGlass: BreakGlassDesk
    let directory: DirectoryClient
    let trail: any TrailRecorder
    let pages: Pages
    /// https URL of this portal, without a trailing slash.
    let portalURL: String
    let now: @Sendable () -> Date
    let refusals: RequestBudget

    var acsURL: String { portalURL + "/saml/acs" }

    /// Stores where the person wants to go and sends the browser to the identity provider.
    ///
    /// A browser that comes back without having been signed in is asked first, if there is another way
    /// in. `isWished`: the person has answered that.
    func begin(
        _ request: Request, returnPath: LocalPath, isWished: Bool = false
    ) throws -> Response {
        let snapshot = try instance.required()
        guard let provider = snapshot.identityProvider else { throw PortalFailure.providerMissing }
        if !isWished, let known = request.cookie(PortalCookie.signIn),
            pending.isUnfinished(browserSecret: known, now: now()), breakGlass.isOffered
        {
            return try askAgain(returnPath, provider, snapshot)
        }
        let secret = try browserSecret(request)
        let pending = try pending.begin(
            returnPath: returnPath, browserSecret: secret, now: now())
        let redirect = try gate.request(
            AuthenticationOrder(
                requestID: pending.requestID, relayState: pending.handle, provider: provider,
                entityID: snapshot.issuer, acsURL: acsURL, issuedAt: now()))
        var response = try answer(redirect, relayState: pending.handle, snapshot)
        response.addCookie(PortalCookie.signIn(secret, seconds: Int(PendingSignIns.lifetime)))
        return response
    }

    private func askAgain(
        _ returnPath: LocalPath, _ provider: CoordinatorIdentityProvider,
        _ snapshot: InstanceSnapshot
    ) throws -> Response {
        var frame = PageFrame(title: "Sign in")
        frame.region = snapshot.region
        frame.instanceName = snapshot.instance.name
        let host = CrossSiteGuard.origin(of: provider.signInURL)?.split(separator: "/").last
        return try pages.page(
            "sign-in-again", frame,
            content: [
                "host": host.map(String.init) ?? "the identity provider",
                "returnPath": queryEncoded(returnPath.value),
            ])
    }

    /// Takes the identity provider's answer.
    func complete(_ request: Request, _ context: PortalContext) async throws -> Response {
        let snapshot = try instance.required()
        guard let provider = snapshot.identityProvider else { throw PortalFailure.providerMissing }
        let form = try await request.form(bytesMax: Self.responseBytesMax)
        let begun = pending.find(
            handle: form["RelayState"], browserSecret: request.cookie(PortalCookie.signIn),
            now: now())
        let events = SignInEvents(
            workflowID: begun?.workflowID ?? RandomID.make(),
            loginTo: portalURL + (begun?.returnPath ?? .start).value)
        let attempt = Attempt(
            request: request, context: context, snapshot: snapshot, events: events)
        let verdict = gate.judge(
            PostedResponse(
                encoded: form["SAMLResponse"], expectedRequestID: begun?.requestID,
                provider: provider, entityID: snapshot.issuer, acsURL: acsURL, receivedAt: now()))
        switch verdict {
        case .refused(let code, let explanation):
            try await refuseAssertion(attempt, code, explanation)
        case .accepted(let assertion):
            if let begun { pending.finish(begun) }
            return try await enter(assertion, provider, attempt, begun?.returnPath ?? .start)
        }
    }

    private struct Attempt: Sendable {
        let request: Request
        let context: PortalContext
        let snapshot: InstanceSnapshot
        let events: SignInEvents

        var stranger: TrailActor { .edge(request, context, snapshot) }
    }

    private func enter(
        _ assertion: AcceptedAssertion, _ provider: CoordinatorIdentityProvider,
        _ attempt: Attempt, _ returnPath: LocalPath
    ) async throws -> Response {
        let user = try await user(assertion, attempt)
        let session = makeSession(user, assertion, attempt)
        var actor = attempt.stranger
        actor.type = "IdentityCenterUser"
        actor.userName = user.userName
        actor.principalID = user.userID
        actor.onBehalfOfUserID = user.userID
        actor.credentialID = session.sessionID
        let beginning = SessionDesk.Beginning(
            session: session,
            assertionHash: hexHash("\(provider.entityID)\n\(assertion.assertionID)"),
            assertionKeepUntil: assertion.replayableUntil,
            events: attempt.events.success(actor, userName: user.userName))
        do {
            let token = try await desk.begin(beginning, instance: attempt.snapshot)
            let seconds = Int((session.expiresAtUs - session.createdAtUs) / 1_000_000)
            var response = Response.redirect(returnPath.value)
            response.addCookie(PortalCookie.session(token, seconds: seconds))
            return response
        } catch SessionDesk.Refusal.replayed {
            try await refuse(
                attempt.events.refusedAssertion(attempt.stranger, code: "ASSERTION_REPLAYED"),
                attempt, .assertionReplayed)
        }
    }

    private func user(
        _ assertion: AcceptedAssertion, _ attempt: Attempt
    ) async throws -> DirectoryUser {
        var find = DirectoryFindUserRequest()
        find.userName = assertion.nameID
        do {
            let user = try await directory.findUser(
                find, options: CallOptions(timeout: .seconds(5))
            ).user
            // The NameID must be the user name exactly; the directory finds without regard to case.
            guard user.userName == assertion.nameID else {
                try await refuse(
                    attempt.events.refusedUser(attempt.stranger, code: "USER_NOT_FOUND"),
                    attempt, .unknownUser)
            }
            guard user.enabled else {
                try await refuse(
                    attempt.events.refusedUser(attempt.stranger, code: "USER_DISABLED"),
                    attempt, .disabledUser)
            }
            return user
        } catch let error as RPCError where error.code == .notFound {
            try await refuse(
                attempt.events.refusedUser(attempt.stranger, code: "USER_NOT_FOUND"), attempt,
                .unknownUser)
        }
    }

    private func makeSession(
        _ user: DirectoryUser, _ assertion: AcceptedAssertion, _ attempt: Attempt
    ) -> PortalSession {
        let start = now()
        var end = start.addingTimeInterval(Double(attempt.snapshot.sessionSeconds))
        if let limit = assertion.sessionNotOnOrAfter, limit < end { end = limit }
        var session = PortalSession()
        session.sessionID = RandomID.make()
        session.userID = user.userID
        session.userName = user.userName
        session.region = attempt.snapshot.region
        session.createdAtUs = start.microseconds
        session.expiresAtUs = end.microseconds
        session.sourceIpAddress = attempt.context.sourceAddress
        session.userAgent = attempt.request.userAgent
        return session
    }

    private func refuseAssertion(
        _ attempt: Attempt, _ code: String, _ explanation: String
    ) async throws -> Never {
        let failure =
            code.hasPrefix("SAML_IN_RESPONSE_TO")
            ? PortalFailure.signInExpired
            : .assertionRefused(code: code, detail: explanation)
        try await refuse(
            attempt.events.refusedAssertion(attempt.stranger, code: code), attempt, failure)
    }

    private func refuse(
        _ events: [TrailEvent], _ attempt: Attempt, _ failure: PortalFailure
    ) async throws -> Never {
        if refusals.take(now: now()) {
            do {
                try await trail.record(events)
            } catch {
                attempt.context.logger.error(
                    "a refused sign-in could not be recorded", metadata: ["error": "\(error)"])
            }
        } else {
            attempt.context.logger.warning(
                "too many refused sign-ins to record each", metadata: ["code": "\(failure.code)"])
        }
        throw failure
    }

    /// One secret per browser serves all sign-ins it has under way.
    private func browserSecret(_ request: Request) throws -> String {
        if let known = request.cookie(PortalCookie.signIn), known.utf8.count == 64,
            known.allSatisfy(\.isHexDigit)
        {
            return known
        }
        return try PendingSignIns.randomHex(32)
    }

    private func answer(
        _ redirect: AuthenticationRedirect, relayState: String, _ snapshot: InstanceSnapshot
    ) throws -> Response {
        switch redirect {
        case .redirect(let url):
            return .redirect(url)
        case .post(let url, let samlRequest):
            guard let origin = CrossSiteGuard.origin(of: url) else {
                throw PortalFailure.providerMissing
            }
            var frame = PageFrame(title: "Sign in")
            frame.region = snapshot.region
            frame.instanceName = snapshot.instance.name
            let fields: [String: any Sendable] = [
                "isEmergencyOffered": breakGlass.isOffered, "url": url, "request": samlRequest,
                "relayState": relayState,
                "host": String(origin.split(separator: "/").last ?? ""),
            ]
            var response = try pages.page("sign-in-post", frame, content: fields)
            response.headers[.contentSecurityPolicy] = SecurityHeaders.policy(formOrigin: origin)
            return response
        }
    }
}
