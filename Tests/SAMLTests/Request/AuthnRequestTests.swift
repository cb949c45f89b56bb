import Foundation
import SAML
import Testing
import XMLSignature

@Suite("Authentication requests")
struct AuthnRequestTests {
    private var request = AuthnRequest(
        id: "_abc", issueInstant: ResponseDraft.now, issuer: Fixtures.serviceProvider,
        destination: "https://idp.example.com/sso",
        assertionConsumerService: AssertionConsumerService(
            region: "eu-west-1", url: Fixtures.consumer, index: 3))

    private func root(_ request: AuthnRequest) throws -> XMLElement {
        try XMLDocument(parsing: try request.xml(), bytesMax: 10_000).root
    }

    @Test("RelayState over 80 bytes is refused in both bindings")
    func relayState() throws {
        let long = String(repeating: "é", count: 41)
        #expect(throws: AuthnRequestError.relayStateTooLong) {
            try request.redirectURL(relayState: long)
        }
        #expect(throws: AuthnRequestError.relayStateTooLong) { try request.form(relayState: long) }
        #expect(throws: Never.self) {
            try request.redirectURL(relayState: String(repeating: "é", count: 40))
        }
    }

    @Test("the address is named by URL or by index, never by both")
    func reply() throws {
        let byURL = try root(request)
        #expect(byURL.attribute("AssertionConsumerServiceURL") == Fixtures.consumer)
        #expect(byURL.attribute("AssertionConsumerServiceIndex") == nil)
        var changed = request
        changed.reply = .index
        let byIndex = try root(changed)
        #expect(byIndex.attribute("AssertionConsumerServiceIndex") == "3")
        #expect(byIndex.attribute("AssertionConsumerServiceURL") == nil)
        #expect(byIndex.attribute("ProtocolBinding") == nil)
    }

    @Test("a new authentication is asked for only when wanted")
    func forceAuthn() throws {
        #expect(try root(request).attribute("ForceAuthn") == nil)
        var changed = request
        changed.forceAuthn = true
        #expect(try root(changed).attribute("ForceAuthn") == "true")
    }

    @Test("the redirect carries the whole request, compressed, and the relay state")
    func redirect() throws {
        let url = try request.redirectURL(relayState: "a b&c=d")
        let items = try #require(URLComponents(string: url)?.queryItems)
        #expect(items.map(\.name) == ["SAMLRequest", "RelayState"])
        #expect(items.last?.value == "a b&c=d")
        let compressed = try #require(items.first?.value.flatMap { Data(base64Encoded: $0) })
        let xml = try #require(Deflate.decompress(Array(compressed), bytesMax: 10_000))
        #expect(xml == (try request.xml()))
        let root = try root(request)
        #expect(root.isNamed("AuthnRequest", in: "urn:oasis:names:tc:SAML:2.0:protocol"))
        #expect(root.attribute("ID") == "_abc")
        #expect(root.attribute("IssueInstant") == "2026-02-03T10:00:00Z")
        #expect(root.attribute("Destination") == "https://idp.example.com/sso")
        #expect(root.children.first?.text == Fixtures.serviceProvider)
    }

    @Test("a query in the identity provider's address stays")
    func destinationWithQuery() throws {
        var changed = request
        changed.destination = "https://idp.example.com/sso?tenant=1"
        #expect(
            try changed.redirectURL(relayState: nil).hasPrefix(
                "https://idp.example.com/sso?tenant=1&SAMLRequest="))
    }

    @Test("the form carries the request uncompressed")
    func form() throws {
        let form = try request.form(relayState: nil)
        #expect(form.action == "https://idp.example.com/sso")
        #expect(form.fields.map(\.name) == ["SAMLRequest"])
        let decoded = try #require(form.fields.first.flatMap { Data(base64Encoded: $0.value) })
        #expect(Array(decoded) == (try request.xml()))
    }

    @Test("IDs are new each time, 128 bits, and valid as XML names")
    func identifiers() {
        let identifiers = (0..<100).map { _ in AuthnRequest.makeID() }
        #expect(Set(identifiers).count == 100)
        #expect(identifiers.allSatisfy { $0.count == 33 && $0.hasPrefix("_") })
    }
}
