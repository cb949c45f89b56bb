import Contracts
import Foundation
import Hummingbird
import ServiceKit

/// `/device`: the browser's part of a sign-in on a device that has none.
struct DevicePages: Sendable {
    let gate: PersonGate
    let devices: DeviceRequests
    let pages: Pages
    let trail: any TrailRecorder
    let now: @Sendable () -> Date
    /// Codes that one session may try: guessing is hopeless.
    private let attempts: RequestBudget

    init(
        gate: PersonGate, devices: DeviceRequests, pages: Pages, trail: any TrailRecorder,
        limits: LimitCounts, now: @escaping @Sendable () -> Date
    ) {
        self.gate = gate
        self.devices = devices
        self.pages = pages
        attempts = RequestBudget(perSecond: 5, .deviceCodes, limits)
        self.trail = trail
        self.now = now
    }

    func add(to router: Router<PortalContext>) {
        router.get("device") { request, _ in
            try await gate.page(request) { try show($0, try request.queryForm()["user_code"]) }
        }
        router.post("device") { request, context in
            try await gate.form(request) { person, form in
                try await decide(person, form, person.actor(request, context))
            }
        }
    }

    private struct Content: Sendable {
        let code: String
        let client, source, userName: String
        /// One of these is shown.
        let isQuestion, isAllowed, isDenied: Bool
        let problem: String?
    }

    private func show(_ person: SignedInPerson, _ code: String) throws -> Response {
        guard !code.isEmpty else { return try page(person, "", nil) }
        return try page(person, code, try find(person, code))
    }

    private func find(_ person: SignedInPerson, _ code: String) throws -> DeviceRequests.Pending? {
        guard attempts.take(person.claims.sid, now: now()) else {
            throw PortalFailure.badRequest(
                "Too many codes were tried. Please wait a moment.", code: "TOO_MANY_CODES")
        }
        return devices.find(userCode: String(code.prefix(32)), now: now())
    }

    private func decide(
        _ person: SignedInPerson, _ form: Form, _ actor: TrailActor
    ) async throws -> Response {
        guard let pending = try find(person, form["user_code"]) else {
            return try page(person, form["user_code"], nil)
        }
        let isAllowed = form["decision"] == "allow"
        try await trail.record([
            .decision(
                pending.client, isAllowed: isAllowed, by: actor,
                deviceAddress: pending.sourceAddress)
        ])
        let grant = OAuthGrant(
            session: person.claims, client: pending.client.hash,
            scopes: pending.client.claims.scopes)
        guard
            devices.decide(
                userCode: pending.userCode, isAllowed ? .allowed(grant) : .denied, now: now())
        else { return try page(person, form["user_code"], nil) }
        return try page(person, pending.userCode, pending, isAllowed: isAllowed)
    }

    private func page(
        _ person: SignedInPerson, _ code: String, _ pending: DeviceRequests.Pending?,
        isAllowed: Bool? = nil
    ) throws -> Response {
        var frame = gate.frame("Sign in on a device", person, isAdministrator: false)
        frame.isPortal = true
        let content = Content(
            code: pending?.userCode ?? "", client: pending?.client.claims.name ?? "",
            source: pending?.sourceAddress ?? "", userName: person.user.userName,
            isQuestion: pending != nil && isAllowed == nil, isAllowed: isAllowed == true,
            isDenied: isAllowed == false,
            problem: pending == nil && !code.isEmpty
                ? "This code is not waiting for anybody: it may be mistyped, older than ten minutes, "
                    + "used already, or shown by another Region."
                : nil)
        return try pages.page("device", frame, content: content)
    }
}
