import Contracts
import Foundation
import Hummingbird
import RPC

/// Look-up in this Region's trail.
struct TrailPages: Sendable {
    let gate: ConsoleGate
    let trail: TrailClient

    func add(to router: Router<PortalContext>) {
        router.get("console/trail") { request, context in
            let query = try request.queryForm()
            return try await gate.page(request, context) { try await list($0, query) }
        }
    }

    private struct Attribute: Sendable {
        let name, label: String
        let isCurrent: Bool
    }

    private struct Row: Sendable {
        let time, name, source, user, address, result, tone: String

        init(_ event: TrailRecordedEvent) {
            time = Display.clock(microseconds: event.eventTimeUs)
            name = event.event.eventName
            source = event.event.eventSource
            user = event.event.actor.userName.isEmpty ? "–" : event.event.actor.userName
            address =
                event.event.actor.sourceIpAddress.isEmpty
                ? "–" : event.event.actor.sourceIpAddress
            let code = event.event.errorCode
            (result, tone) = code.isEmpty ? ("Success", "good") : (code, "bad")
        }
    }

    private struct Content: Sendable {
        let region, value: String
        let attributes: [Attribute]
        let hasEvents: Bool
        let events: [Row]
        let nextPath: String?
    }

    private static let attributes = [
        ("", "Everything"), ("Username", "User name"), ("EventName", "Event name"),
        ("EventSource", "Event source"), ("EventId", "Event ID"),
    ]

    private func list(_ visit: ConsoleGate.Visit, _ query: Form) async throws -> Response {
        let value = String(query["value"].trimmingCharacters(in: .whitespaces).prefix(256))
        let known = Self.attributes.contains { $0.0 == query["attribute"] }
        let attribute = known && !value.isEmpty ? query["attribute"] : ""
        var request = TrailLookUpRequest()
        request.attributeName = attribute
        request.attributeValue = attribute.isEmpty ? "" : value
        request.pageSize = 50
        request.pageToken = query["page"]
        let answer = try await trail.lookUp(request, options: visit.options)
        let next =
            "/console/trail?attribute=\(attribute)&value=\(queryEncoded(value))"
            + "&page=\(queryEncoded(answer.nextPageToken))"
        let content = Content(
            region: visit.instance.region, value: value,
            attributes: Self.attributes.map {
                Attribute(name: $0.0, label: $0.1, isCurrent: $0.0 == query["attribute"])
            }, hasEvents: !answer.events.isEmpty, events: answer.events.map(Row.init),
            nextPath: answer.nextPageToken.isEmpty ? nil : next)
        return try gate.render("trail", "Trail", section: .trail, visit, content: content)
    }
}
