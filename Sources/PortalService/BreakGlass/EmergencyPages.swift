import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import WebAuthn

/// `/break-glass`: who, why and for how long, then the security key.
struct EmergencyPages: Sendable {
    let signIn: EmergencySignIn
    let desk: BreakGlassDesk
    let instance: InstanceWatch
    let pages: Pages

    private static let minutes = [15, 30, 60, 120, 240]
    private static let defaultMinutes = 60

    func add(to router: Router<PortalContext>) {
        router.get("break-glass") { request, _ in
            try show(Fields(), problem: nil, request)
        }
        router.post("break-glass") { request, context in
            try await ask(request, context)
        }
        router.post("break-glass/open") { request, context in
            let form = try await signIn.ceremony.form(request)
            let opened = try await signIn.answer(form, request, context)
            var response = Response.redirect("/start")
            response.addCookie(PortalCookie.session(opened.token, seconds: opened.seconds))
            return response
        }
    }

    /// What was typed.
    private struct Fields: Sendable {
        var user = ""
        var reason = ""
        var minutes = EmergencyPages.defaultMinutes
    }

    private struct Choice: Sendable {
        let value, label: String
        let isChosen: Bool
    }

    private struct FormContent: Sendable {
        let user, reason: String
        let problem: String?
        let choices: [Choice]
    }

    private func show(_ fields: Fields, problem: String?, _ request: Request) throws -> Response {
        try desk.requireOffered()
        let content = FormContent(
            user: fields.user, reason: fields.reason, problem: problem,
            choices: Self.minutes.map {
                Choice(
                    value: String($0), label: Display.duration(milliseconds: Int64($0) * 60_000),
                    isChosen: $0 == fields.minutes)
            })
        var response = try pages.page(
            "break-glass", try frame("Emergency access"), content: content,
            status: problem == nil ? .ok : .badRequest)
        response.addCookie(PortalCookie.securityKey(try signIn.ceremony.secret(request)))
        return response
    }

    private struct KeyContent: Sendable {
        let handle, challenge, rpID, credentials: String
    }

    private func ask(_ request: Request, _ context: PortalContext) async throws -> Response {
        let form = try await signIn.ceremony.form(request)
        try desk.requireOffered()
        let fields = Fields(
            user: form["user"], reason: Self.trimmed(form["reason"]),
            minutes: Int(form["minutes"]) ?? 0)
        if let problem = Self.problem(fields) {
            return try show(fields, problem: problem, request)
        }
        let secret = try signIn.ceremony.secret(request)
        let question = try signIn.ask(
            .init(userName: fields.user, reason: fields.reason, seconds: fields.minutes * 60),
            browserSecret: secret, context)
        var frame = try frame("Use your security key")
        frame.script = "security-key.js"
        var response = try pages.page(
            "break-glass-key", frame,
            content: KeyContent(
                handle: question.handle, challenge: question.challenge,
                rpID: signIn.ceremony.party.id,
                credentials: question.credentialIDs.map { Base64URL.encode($0) }
                    .joined(separator: " ")))
        signIn.ceremony.allowScript(&response)
        response.addCookie(PortalCookie.securityKey(secret))
        return response
    }

    private static func problem(_ fields: Fields) -> String? {
        guard BreakGlassRules.isText(fields.user, 1...64) else { return "Enter your user name." }
        guard BreakGlassRules.isText(fields.reason, BreakGlassRules.reasonCharacters) else {
            return
                "Give the reason in 10 to 500 characters. It is recorded, and reviewed afterwards."
        }
        guard minutes.contains(fields.minutes) else { return "Choose one of the durations." }
        return nil
    }

    private static func trimmed(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    private func frame(_ title: String) throws -> PageFrame {
        let snapshot = try instance.required()
        var frame = PageFrame(title: title)
        frame.region = snapshot.region
        frame.instanceName = snapshot.instance.name
        return frame
    }
}
