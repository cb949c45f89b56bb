import Contracts
import Foundation
import Hummingbird
import RPC
import ServiceKit
import WebAuthn

/// `/break-glass/enrol`: a person with a code registers a security key. In the primary only, as everything
/// that administers.
struct EnrolmentPages: Sendable {
    let desk: BreakGlassDesk
    let ceremony: KeyCeremony
    let instance: InstanceWatch
    let trail: any TrailRecorder
    let pages: Pages
    let now: @Sendable () -> Date
    /// Each challenge belongs to a code.
    private let challenges = KeyChallenges<String>()
    private let attempts: RequestBudget
    private let refusals: RequestBudget

    init(
        desk: BreakGlassDesk, ceremony: KeyCeremony, instance: InstanceWatch,
        trail: any TrailRecorder, pages: Pages, limits: LimitCounts,
        now: @escaping @Sendable () -> Date
    ) {
        self.desk = desk
        self.ceremony = ceremony
        self.instance = instance
        self.trail = trail
        self.pages = pages
        attempts = RequestBudget(perSecond: 0.5, burst: 20, .enrolmentAttempts, limits)
        refusals = .ofRefusals(limits)
        self.now = now
    }

    func add(to router: Router<PortalContext>) {
        router.get("break-glass/enrol") { request, _ in
            try page(Content(isCode: true), request)
        }
        router.post("break-glass/enrol") { request, context in
            let form = try await ceremony.form(request)
            try take(context)
            return try await begin(form["code"], request, context)
        }
        router.post("break-glass/enrol/key") { request, context in
            let form = try await ceremony.form(request)
            try take(context)
            return try await finish(form, request, context)
        }
    }

    private struct Content: Sendable {
        var isCode = false
        var isKey = false
        var isDone = false
        /// Set outside the primary: where to go.
        var primary: String?
        var userName = "", userHandle = "", handle = "", challenge = "", rpID = "", known = ""
        var keyCount = ""
    }

    private func page(_ content: Content, _ request: Request) throws -> Response {
        let snapshot = try instance.required()
        var frame = PageFrame(title: "Enrol a security key")
        frame.region = snapshot.region
        frame.instanceName = snapshot.instance.name
        frame.script = "security-key.js"
        var content = content
        if !snapshot.isPrimary {
            content = Content(primary: snapshot.portalURL(of: snapshot.instance.primaryRegion))
        }
        var response = try pages.page("break-glass-enrol", frame, content: content)
        ceremony.allowScript(&response)
        response.addCookie(PortalCookie.securityKey(try ceremony.secret(request)))
        return response
    }

    private func take(_ context: PortalContext) throws {
        guard attempts.take(Network.of(context.sourceAddress), now: now()) else {
            throw PortalFailure.emergencyTooMany
        }
    }

    private func begin(
        _ code: String, _ request: Request, _ context: PortalContext
    ) async throws -> Response {
        guard let user = try desk.user(code: code) else {
            try await refuse("ENROLMENT_CODE_UNKNOWN", Self.unknownCode, request, context)
        }
        let pending = try challenges.begin(
            code, browserSecret: request.cookie(PortalCookie.securityKey) ?? "", now: now())
        var content = Content(isKey: true)
        content.userName = user.name
        content.userHandle = Base64URL.encode(user.userID.utf8)
        content.handle = pending.handle
        content.challenge = pending.challenge
        content.rpID = ceremony.party.id
        content.known = user.keys.map { Base64URL.encode($0.credentialID) }.joined(separator: " ")
        return try page(content, request)
    }

    private func finish(
        _ form: Form, _ request: Request, _ context: PortalContext
    ) async throws -> Response {
        let pending = challenges.take(
            handle: form["handle"], browserSecret: request.cookie(PortalCookie.securityKey),
            now: now())
        guard let pending else {
            try await refuse("CHALLENGE_EXPIRED", Self.tooLate, request, context)
        }
        let actor = TrailActor.edge(request, context, try instance.required())
        do {
            let key = try UnverifiedRegistration(
                clientDataJSON: KeyCeremony.bytes(form, "client_data"),
                authenticatorData: KeyCeremony.bytes(form, "authenticator_data")
            ).verified(for: ceremony.party, challenge: pending.challenge)
            let user = try desk.user(code: pending.payload)
            try await desk.add(key, rpID: ceremony.party.id, code: pending.payload) {
                BreakGlassEvents.enrolled($0, $1, actor: actor)
            }
            var content = Content(isDone: true)
            content.userName = user?.name ?? ""
            content.keyCount = String((user?.keys.count ?? 0) + 1)
            return try page(content, request)
        } catch let refusal as KeyRefusal {
            try await refuse(refusal.rawValue, Self.message(refusal), request, context)
        } catch let refusal as BreakGlassDesk.Refusal {
            switch refusal {
            case .code:
                try await refuse("ENROLMENT_CODE_UNKNOWN", Self.unknownCode, request, context)
            case .tooManyKeys:
                try await refuse(
                    "TOO_MANY_KEYS", "You have as many keys as one may have.", request, context)
            case .keyKnown:
                try await refuse(
                    "SECURITY_KEY_KNOWN", "This key is enrolled already.", request, context)
            }
        }
    }

    private static let unknownCode =
        "The code is not known, was used already, or is older than an hour. Ask your administrator "
        + "for another: each is for one key."
    private static let tooLate =
        "The key has to answer within two minutes, in the browser that asked. Open the link again."

    private static func message(_ refusal: KeyRefusal) -> String {
        switch refusal {
        case .userNotVerified:
            "The key did not ask for a PIN or a fingerprint. Set one on the key, then open the link "
                + "again."
        case .notHardwareBound:
            "This is a passkey that is copied between devices. A hardware security key is needed."
        case .unsupportedAlgorithm: "The key signs in a way that is not supported here."
        default: "The key’s answer could not be accepted (\(refusal.rawValue))."
        }
    }

    private func refuse(
        _ code: String, _ message: String, _ request: Request, _ context: PortalContext
    ) async throws -> Never {
        if refusals.take(now: now()) {
            let actor = TrailActor.edge(request, context, try instance.required())
            try await trail.record([BreakGlassEvents.enrolmentRefused(code, actor: actor)])
        }
        throw PortalFailure.keyNotEnrolled(message, code: code)
    }
}
