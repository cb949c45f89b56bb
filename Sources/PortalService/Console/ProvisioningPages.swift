import Contracts
import Hummingbird
import RPC
import ServiceKit

/// The SCIM endpoint and its tokens.
struct ProvisioningPages: Sendable {
    let gate: ConsoleGate
    let desk: ScimTokenDesk

    func add(to router: Router<PortalContext>) {
        router.get("console/provisioning") { request, context in
            try await gate.page(request, context) { try show($0, secret: nil) }
        }
        router.post("console/provisioning/create") { request, context in
            try await gate.form(request, context) { visit, _ in
                try gate.requirePrimary(visit)
                let made = try await desk.create(
                    validDays: 0, events: [event("CreateBearerToken", visit)])
                return try show(visit, secret: made.secret)
            }
        }
        router.post("console/provisioning/delete") { request, context in
            try await gate.form(request, context) { visit, form in
                try gate.requirePrimary(visit)
                try await desk.delete(form["token"], events: [event("DeleteBearerToken", visit)])
                return .redirect("/console/provisioning")
            }
        }
    }

    private struct Row: Sendable {
        let id, created, expires, used: String
        let canChange: Bool
    }

    private struct Content: Sendable {
        let secret: String?
        let scimURL, tokenCount: String
        let canCreate, hasTokens: Bool
        let tokens: [Row]
    }

    private func show(_ visit: ConsoleGate.Visit, secret: String?) throws -> Response {
        let tokens = try desk.list()
        let primary = visit.instance.portalURL(of: visit.instance.instance.primaryRegion)
        let content = Content(
            secret: secret, scimURL: primary + "/scim/v2", tokenCount: String(tokens.count),
            canCreate: visit.instance.isPrimary && tokens.count < ScimTokenDesk.liveMax,
            hasTokens: !tokens.isEmpty,
            tokens: tokens.map {
                Row(
                    id: $0.tokenID, created: Display.time(microseconds: $0.createdAtUs),
                    expires: Display.time(microseconds: $0.expiresAtUs),
                    used: $0.lastUsedAtUs == 0
                        ? "not since the last start" : Display.time(microseconds: $0.lastUsedAtUs),
                    canChange: visit.instance.isPrimary)
            })
        return try gate.render(
            "provisioning", "Provisioning", section: .provisioning, visit, content: content)
    }

    private func event(_ name: String, _ visit: ConsoleGate.Visit) -> TrailEvent {
        TrailEvent(
            name: name, source: "sso-directory.amazonaws.com",
            actor: visit.person.actor(visit.request, visit.context))
    }
}
