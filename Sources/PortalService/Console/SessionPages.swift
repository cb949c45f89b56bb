import Contracts
import Foundation
import Hummingbird
import RPC
import ServiceKit

/// Sessions of everybody; ending one is allowed in every Region.
struct SessionPages: Sendable {
    static let pageSize = 50
    let gate: ConsoleGate
    let desk: SessionDesk

    func add(to router: Router<PortalContext>) {
        router.get("console/sessions") { request, context in
            let query = try request.queryForm()
            return try await gate.page(request, context) { try list($0, query, done: nil) }
        }
        router.post("console/sessions/revoke") { request, context in
            try await gate.form(request, context) { try await revoke($0, $1) }
        }
    }

    private struct Row: Sendable {
        let id, userName, region, started, ends, address, state, tone: String
        let isLive: Bool

        init(_ session: PortalSession) {
            id = session.sessionID
            userName = session.userName
            region = session.region
            started = Display.clock(microseconds: session.createdAtUs)
            ends = Display.clock(microseconds: session.expiresAtUs)
            address = session.sourceIpAddress.isEmpty ? "–" : session.sourceIpAddress
            isLive = !session.revoked
            (state, tone) = session.revoked ? ("Ended", "warn") : ("Live", "good")
        }
    }

    private struct Content: Sendable {
        let search: String
        let isSearching, hasSessions: Bool
        let done, nextPath: String?
        let sessions: [Row]
    }

    private func list(
        _ visit: ConsoleGate.Visit, _ query: Form, done: String?
    ) throws -> Response {
        let search = String(query["search"].prefix(128))
        let offset = min(max(Int(query["after"]) ?? 0, 0), 1_000_000)
        let page = try desk.list(matching: search, offset: offset, limit: Self.pageSize)
        let next =
            "/console/sessions?search=\(queryEncoded(search))&after=\(offset + Self.pageSize)"
        let content = Content(
            search: search, isSearching: !search.isEmpty, hasSessions: !page.sessions.isEmpty,
            done: done, nextPath: page.hasMore ? next : nil, sessions: page.sessions.map(Row.init))
        return try gate.render(
            "sessions", "Sessions", section: .sessions, visit, content: content)
    }

    private func revoke(_ visit: ConsoleGate.Visit, _ form: Form) async throws -> Response {
        guard let session = try desk.session(form["session"]) else { throw PortalFailure.notFound }
        let event = TrailEvent(
            name: "BatchDeleteSession", source: "sso.amazonaws.com",
            actor: visit.person.actor(visit.request, visit.context),
            request: ["sessionIdList": [session.sessionID], "userId": session.userID])
        try await desk.end(
            sessionID: session.sessionID, userID: session.userID,
            expires: Date(microseconds: session.expiresAtUs), cause: "revoked", events: [event])
        return try list(
            visit, Form(["search": form["search"]]),
            done: "The session of \(session.userName) has ended in \(visit.instance.region); other "
                + "Regions follow as soon as this has replicated.")
    }
}
