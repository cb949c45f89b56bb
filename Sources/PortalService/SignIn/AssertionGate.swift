import Contracts
import Foundation

/// The SAML protocol as sign-in sees it: it asks for a request and gets a verdict.
protocol AssertionGate: Sendable {
    /// Where the browser is sent to sign in.
    ///
    /// Throws when the identity provider's settings cannot be used.
    func request(_ order: AuthenticationOrder) throws -> AuthenticationRedirect

    /// Judges what the identity provider posted.
    func judge(_ response: PostedResponse) -> AssertionVerdict

    /// One document with one entity ID and every Region's ACS URL.
    func metadata(entityID: String, endpoints: [AssertionConsumer]) throws -> String
}

struct AuthenticationOrder: Sendable {
    /// Unique; comes back as InResponseTo.
    let requestID: String
    let relayState: String
    let provider: CoordinatorIdentityProvider
    let entityID: String
    let acsURL: String
    let issuedAt: Date
}

enum AuthenticationRedirect: Sendable {
    /// HTTP-Redirect: the whole URL.
    case redirect(String)
    /// HTTP-POST: the form's target and its SAMLRequest.
    case post(url: String, request: String)
}

struct PostedResponse: Sendable {
    /// The form value, base64.
    let encoded: String
    /// The request that this browser began; nil when none is under way.
    let expectedRequestID: String?
    let provider: CoordinatorIdentityProvider
    let entityID: String
    let acsURL: String
    let receivedAt: Date
}

enum AssertionVerdict: Sendable {
    case accepted(AcceptedAssertion)
    /// Stable code, and text for the operator without anything of the assertion in it.
    case refused(code: String, explanation: String)
}

struct AcceptedAssertion: Sendable {
    let assertionID: String
    let nameID: String
    /// Until when the same assertion could be posted again.
    let replayableUntil: Date
    /// The identity provider's limit of the session.
    let sessionNotOnOrAfter: Date?
}

struct AssertionConsumer: Sendable {
    let region: String
    let url: String
    let isDefault: Bool
}
