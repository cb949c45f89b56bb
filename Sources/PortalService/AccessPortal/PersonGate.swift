import Contracts
import HTTPTypes
import Hummingbird

/// What pages for signed-in people share: find the person, or begin a sign-in that ends on the page
/// that was asked for.
struct PersonGate: Sendable {
    let authenticator: Authenticator
    let flow: SignInFlow
    let guardian: CrossSiteGuard

    /// Answers a GET for a signed-in person.
    func page(
        _ request: Request, _ body: (SignedInPerson) async throws -> Response
    ) async throws -> Response {
        guard let person = try await authenticator.person(request) else {
            let query = request.uri.query.map { "?\($0)" } ?? ""
            return try flow.begin(request, returnPath: LocalPath(request.uri.path + query))
        }
        return try await body(person)
    }

    /// Answers a POST of a signed-in person's form, after the one check.
    func form(
        _ request: Request, _ body: (SignedInPerson, Form) async throws -> Response
    ) async throws -> Response {
        let form = try await request.form()
        guard let person = try await authenticator.person(request) else {
            return .redirect("/sign-in")
        }
        try guardian.check(request, form: form, sessionToken: person.token)
        return try await body(person, form)
    }

    /// The frame around a page of this person.
    func frame(
        _ title: String, _ person: SignedInPerson, isAdministrator: Bool
    ) -> PageFrame {
        var frame = PageFrame(title: title)
        frame.instanceName = person.instance.instance.name
        frame.region = person.instance.region
        frame.csrf = CrossSiteGuard.token(for: person.token)
        frame.person = PageFrame.Person(
            name: person.displayName, userName: person.user.userName,
            initials: Display.initials(person.displayName), isAdministrator: isAdministrator)
        frame.emergency = person.emergency.map { emergency in
            PageFrame.Emergency(
                left: Display.duration(milliseconds: emergency.secondsLeft * 1_000),
                until: Display.time(microseconds: person.claims.exp * 1_000_000))
        }
        return frame
    }
}
