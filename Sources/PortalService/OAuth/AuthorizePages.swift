import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import ServiceKit

/// `/authorize`: a program on the person's computer asks to act in the session; the person decides.
struct AuthorizePages: Sendable {
    static let stateBytesMax = 512

    let gate: PersonGate
    let clients: OAuthClients
    let codes: AuthorizationCodes
    let instance: InstanceWatch
    let pages: Pages
    let trail: any TrailRecorder
    let now: @Sendable () -> Date
    /// Decisions in one session.
    private let attempts: RequestBudget

    init(
        gate: PersonGate, clients: OAuthClients, codes: AuthorizationCodes,
        instance: InstanceWatch, pages: Pages, trail: any TrailRecorder,
        limits: LimitCounts, now: @escaping @Sendable () -> Date
    ) {
        self.gate = gate
        self.clients = clients
        self.codes = codes
        self.instance = instance
        self.pages = pages
        attempts = RequestBudget(perSecond: 5, .authorizeAttempts, limits)
        self.trail = trail
        self.now = now
    }

    func add(to router: Router<PortalContext>) {
        router.get("authorize") { request, _ in
            // Checked first: nobody is sent through a sign-in for a request that is none.
            let order = try await order(try request.queryForm())
            return try await gate.page(request) { try ask($0, order) }
        }
        router.post("authorize") { request, context in
            try await gate.form(request) { person, form in
                let order = try await order(form)
                return try await decide(person, form, order, person.actor(request, context))
            }
        }
    }

    /// What a program asks for. Its client and address are known to be good.
    private struct Order: Sendable {
        let client: OAuthClients.Client
        let redirect: LoopbackRedirect
        let challenge: String
        let state: String
        let problem: OAuthRefusal?
        let fields: [String: String]
    }

    private static let fieldNames = [
        "response_type", "client_id", "redirect_uri", "state", "code_challenge",
        "code_challenge_method", "scope", "scopes",
    ]

    /// Throws: `PortalFailure` when nobody can be told but the person.
    private func order(_ form: Form) async throws -> Order {
        let snapshot = try instance.required()
        guard let client = try await clients.client(id: form["client_id"], instance: snapshot)
        else {
            throw Self.refused(
                "The program that sent you here is not known, or its registration has ended.")
        }
        guard let redirect = LoopbackRedirect(form["redirect_uri"]),
            client.claims.redirects.contains(redirect.withoutPort)
        else {
            throw Self.refused("The program wants the answer at an address that it has not named.")
        }
        let state = form["state"]
        guard state.utf8.count <= Self.stateBytesMax else {
            throw Self.refused("The program sent too much.")
        }
        let fields = Dictionary(
            uniqueKeysWithValues: Self.fieldNames.filter(form.has).map { ($0, form[$0]) })
        return Order(
            client: client, redirect: redirect, challenge: form["code_challenge"], state: state,
            problem: Self.problem(form, client), fields: fields)
    }

    /// What the program itself is told about.
    private static func problem(_ form: Form, _ client: OAuthClients.Client) -> OAuthRefusal? {
        guard form["response_type"] == "code" else {
            return OAuthRefusal(.invalidRequest, "response_type is \"code\".")
        }
        let challenge = form["code_challenge"]
        guard form["code_challenge_method"] == "S256", challenge.utf8.count == 43,
            Base64URL.decode(challenge) != nil
        else {
            return OAuthRefusal(.invalidRequest, "A code challenge by S256 is needed.")
        }
        let scopes = (form["scope"] + " " + form["scopes"]).split(separator: " ").map(String.init)
        guard scopes.allSatisfy(client.claims.scopes.contains) else {
            return OAuthRefusal(.invalidScope, "The client has not registered this scope.")
        }
        return nil
    }

    private func ask(_ person: SignedInPerson, _ order: Order) throws -> Response {
        if let problem = order.problem {
            return Self.back(
                order, ["error": problem.kind.code, "error_description": problem.message])
        }
        var frame = gate.frame("Allow access", person, isAdministrator: false)
        frame.isPortal = true
        let content = Content(
            client: order.client.claims.name, userName: person.user.userName,
            region: person.instance.region,
            fields: order.fields.sorted { $0.key < $1.key }.map {
                Content.Field(name: $0.key, value: $0.value)
            })
        var response = try pages.page("authorize", frame, content: content)
        // The answer to the form leads there.
        response.headers[.contentSecurityPolicy] = SecurityHeaders.policy(
            formOrigin: order.redirect.origin)
        return response
    }

    private struct Content: Sendable {
        struct Field: Sendable {
            let name, value: String
        }
        let client, userName, region: String
        let fields: [Field]
    }

    private func decide(
        _ person: SignedInPerson, _ form: Form, _ order: Order, _ actor: TrailActor
    ) async throws -> Response {
        guard attempts.take(person.claims.sid, now: now()) else {
            throw PortalFailure.badRequest(
                "Too many decisions at once. Please wait a moment.", code: "TOO_MANY_DECISIONS")
        }
        if let problem = order.problem {
            return Self.back(
                order, ["error": problem.kind.code, "error_description": problem.message])
        }
        let isAllowed = form["decision"] == "allow"
        try await trail.record([.decision(order.client, isAllowed: isAllowed, by: actor)])
        guard isAllowed else {
            return Self.back(
                order,
                ["error": "access_denied", "error_description": "The person refused."])
        }
        let code = try codes.issue(
            AuthorizationCodes.Issued(
                grant: OAuthGrant(
                    session: person.claims, client: order.client.hash,
                    scopes: order.client.claims.scopes),
                redirect: order.redirect.url, challenge: order.challenge, issuedAt: now()))
        return Self.back(order, ["code": code])
    }

    private static func back(_ order: Order, _ values: [String: String]) -> Response {
        var values = values
        if !order.state.isEmpty { values["state"] = order.state }
        let query = values.sorted { $0.key < $1.key }
            .map { "\($0.key)=\(queryEncoded($0.value))" }.joined(separator: "&")
        return .redirect("\(order.redirect.url)?\(query)")
    }

    private static func refused(_ message: String) -> PortalFailure {
        PortalFailure(
            status: .badRequest, code: "CLIENT_REFUSED", title: "This program cannot sign in here",
            message: message + " Nothing was allowed. Run its sign-in again.",
            action: ("Go to the access portal", "/start"))
    }
}

extension TrailEvent {
    /// A person has allowed a program to act in the session, or refused. Not an event of AWS'.
    static func decision(
        _ client: OAuthClients.Client, isAllowed: Bool, by actor: TrailActor,
        deviceAddress: String? = nil
    ) -> TrailEvent {
        var request: [String: any Sendable] = [
            "clientId": client.claims.jti, "clientName": client.claims.name,
            "decision": isAllowed ? "allow" : "deny",
        ]
        if let deviceAddress { request["deviceAddress"] = deviceAddress }
        return TrailEvent(
            name: "AuthorizeClient", source: "sso.amazonaws.com", actor: actor,
            type: "AwsServiceEvent", request: request)
    }
}
