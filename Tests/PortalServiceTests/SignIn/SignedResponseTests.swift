import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing
import XMLSignature

@testable import PortalService

/// The real SAML core behind the real routes; the identity provider's key signs.
@Suite("Signed responses over HTTP")
struct SignedResponseTests {
    @Test("SP-initiated: the answer to this browser's request signs in, once")
    func serviceProviderInitiated() async throws {
        let portal = try Self.portal()
        try await portal.run { client in
            let begun = try await client.execute(uri: "/start", method: .get) { response in
                (
                    location: try #require(response.headers[.location]),
                    cookie: try #require(response.headers[.setCookie]?.split(separator: ";").first)
                )
            }
            let query = try Form(
                encoded: String(try #require(begun.location.split(separator: "?").last)))
            let request = try Self.requestID(query["SAMLRequest"])
            let answer = try Self.response(inResponseTo: request)
            let cookie = String(begun.cookie)
            try await Self.post(client, answer, query["RelayState"], cookie) { response in
                #expect(response.status == .seeOther)
                #expect(response.headers[.setCookie]?.hasPrefix(PortalCookie.session) == true)
            }
            try await Self.post(client, answer, query["RelayState"], cookie) { response in
                #expect(response.status == .forbidden)
            }
        }
        #expect(portal.sessions.appends.count == 1)
    }

    @Test("IdP-initiated: an answer to nothing signs in")
    func identityProviderInitiated() async throws {
        let portal = try Self.portal()
        let answer = try Self.response()
        try await portal.run { client in
            try await Self.post(client, answer, "", nil) { #expect($0.status == .seeOther) }
        }
        #expect(portal.sessions.appends.count == 1)
    }

    @Test("an answer to another browser's request is refused, with a way on")
    func otherBrowser() async throws {
        let portal = try Self.portal()
        let answer = try Self.response(inResponseTo: "_somebody-elses")
        try await portal.run { client in
            try await Self.post(client, answer, "", nil) { response in
                #expect(response.status == .forbidden)
                #expect(String(buffer: response.body).contains("began in another browser"))
            }
        }
        #expect(portal.sessions.appends.isEmpty)
    }

    @Test("altered, unsigned, foreign and late answers are refused")
    func refused() async throws {
        let portal = try Self.portal()
        let good = try Self.response()
        let altered = good.replacing("alix@example.com", with: "boss@example.com")
        let foreign = try Self.response(signedBy: "stranger")
        let elsewhere = try Self.response(consumer: "\(TestPortal.primaryURL)/saml/acs")
        try await portal.run { client in
            for answer in [altered, try Self.response(signedBy: nil), foreign, elsewhere, "hello"] {
                try await Self.post(client, answer, "", nil) { response in
                    #expect(response.status == .forbidden)
                    #expect(response.headers[.setCookie] == nil)
                }
            }
            portal.now.addTimeInterval(3_600)
            try await Self.post(client, good, "", nil) { #expect($0.status == .forbidden) }
        }
        #expect(portal.sessions.appends.isEmpty)
        #expect(Set(portal.trail.names) == ["ExternalIdPDirectoryLogin", "UserAuthentication"])
    }

    // MARK: Identity provider

    private static func portal() throws -> TestPortal {
        let portal = try TestPortal(assertions: SAMLGate())
        var answer = TestPortal.instance(isPrimary: true, binding: "Redirect")
        answer.identityProvider.signingCertificates = [try fixture("idp.cert.der")]
        portal.instance.set(answer)
        return portal
    }

    private static func fixture(_ name: String) throws -> Data {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try Data(contentsOf: tests.appendingPathComponent("SAMLTests/Fixtures/\(name)"))
    }

    private static func requestID(_ encoded: String) throws -> String {
        let deflated = try #require(Data(base64Encoded: encoded))
        let xml = try #require(Deflate.decompress(Array(deflated), bytesMax: 10_000))
        let text = String(decoding: xml, as: UTF8.self)
        let rest = try #require(text.components(separatedBy: "ID=\"").dropFirst().first)
        return String(rest.prefix { $0 != "\"" })
    }

    /// A response of the test's identity provider with a signed assertion.
    private static func response(
        inResponseTo request: String? = nil, consumer: String = TestPortal.url + "/saml/acs",
        signedBy signer: String? = "idp"
    ) throws -> String {
        let start = "2026-09-21T14:13:20Z"
        let end = "2026-09-21T14:18:20Z"
        let answers = request.map { " InResponseTo=\"\($0)\"" } ?? ""
        let issuer = "<saml:Issuer>https://idp.example/metadata</saml:Issuer>"
        let text = """
            <samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" \
            xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r1" Version="2.0" \
            IssueInstant="\(start)" Destination="\(consumer)"\(answers)>\(issuer)\
            <samlp:Status><samlp:StatusCode \
            Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>\
            <saml:Assertion ID="_a1" Version="2.0" IssueInstant="\(start)">\(issuer)\
            <saml:Subject><saml:NameID \
            Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">alix@example.com\
            </saml:NameID><saml:SubjectConfirmation \
            Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData \
            Recipient="\(consumer)" NotOnOrAfter="\(end)"\(answers)/></saml:SubjectConfirmation>\
            </saml:Subject><saml:Conditions NotBefore="\(start)" NotOnOrAfter="\(end)">\
            <saml:AudienceRestriction><saml:Audience>\
            https://identitycenter.amazonaws.com/ssoins-0123456789abcdef</saml:Audience>\
            </saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement \
            AuthnInstant="\(start)"><saml:AuthnContext><saml:AuthnContextClassRef>urn:x\
            </saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>\
            </saml:Assertion></samlp:Response>
            """
        guard let signer else { return text }
        let document = try XMLDocument(parsing: Array(text.utf8), bytesMax: 100_000)
        let assertion = try #require(
            document.root.children("Assertion", in: "urn:oasis:names:tc:SAML:2.0:assertion").first)
        try XMLSigner(
            privateKeyDER: Array(try fixture("\(signer).key.der")),
            certificateDER: Array(try fixture("\(signer).cert.der")), algorithm: .rsaSHA256
        ).sign(assertion)
        return String(decoding: document.serialized(), as: UTF8.self)
    }

    private static func post(
        _ client: any TestClientProtocol, _ xml: String, _ relayState: String, _ cookie: String?,
        _ check: @escaping (TestResponse) throws -> Void
    ) async throws {
        var headers: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
        if let cookie { headers[.cookie] = cookie }
        let encoded = Data(xml.utf8).base64EncodedString()
        try await client.execute(
            uri: "/saml/acs", method: .post, headers: headers,
            body: TestPortal.form(["SAMLResponse": encoded, "RelayState": relayState]),
            testCallback: check)
    }
}
