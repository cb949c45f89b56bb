import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import ServiceKit

/// `/sign-in`, `/saml/acs`, `/saml/metadata`, `/sign-out`.
struct SignInRoutes: Sendable {
    let flow: SignInFlow
    let authenticator: Authenticator
    let guardian: CrossSiteGuard
    let pages: Pages

    func add(to router: Router<PortalContext>) {
        router.get("sign-in") { request, _ in
            try flow.begin(
                request, returnPath: LocalPath(try request.queryForm()["return"]), isWished: true)
        }
        router.post("saml/acs") { request, context in
            try await flow.complete(request, context)
        }
        router.get("saml/metadata") { _, _ in try metadata() }
        router.post("sign-out") { request, context in try await signOut(request, context) }
        router.get("sign-out") { request, _ in try signedOut() }
    }

    private func metadata() throws -> Response {
        let snapshot = try flow.instance.required()
        let endpoints = snapshot.servingRegions.map {
            AssertionConsumer(
                region: $0.name, url: $0.portalURL + "/saml/acs", isDefault: $0.primary)
        }
        let document = try flow.gate.metadata(entityID: snapshot.issuer, endpoints: endpoints)
        return Response(
            status: .ok, headers: [.contentType: "application/samlmetadata+xml"],
            body: .init(byteBuffer: ByteBuffer(string: document)))
    }

    private func signOut(_ request: Request, _ context: PortalContext) async throws -> Response {
        let form = try await request.form()
        guard let person = try await authenticator.person(request) else { return try signedOut() }
        try guardian.check(request, form: form, sessionToken: person.token)
        try await end(person, request, context)
        return try signedOut()
    }

    /// Ends the session everywhere; also what the AWS portal API's Logout does.
    func end(
        _ person: SignedInPerson, _ request: Request, _ context: PortalContext
    ) async throws {
        let event = TrailEvent(
            name: "Logout", source: "sso.amazonaws.com", actor: person.actor(request, context),
            type: "AwsServiceEvent")
        try await flow.desk.end(
            sessionID: person.claims.sid, userID: person.claims.sub,
            expires: .init(timeIntervalSince1970: Double(person.claims.exp)),
            cause: "signed-out", events: [event])
    }

    private func signedOut() throws -> Response {
        var response = try pages.page(
            "signed-out", PageFrame(title: "Signed out"),
            content: ["isEmergencyOffered": flow.breakGlass.isOffered])
        response.addCookie(PortalCookie.endedSession)
        return response
    }
}
