import Foundation
import SAML
import Testing
import XMLSignature

/// Messages that pysaml2 wrote and xmlsec1 signed.
@Suite("Messages of pysaml2")
struct InteroperabilityTests {
    private func reason(
        _ file: String, expecting: ResponseValidator.Expectation = .answer(to: Fixtures.request),
        certificates: [String] = ["idp"]
    ) throws -> Rejection.Reason? {
        let xml = try Fixtures.text(file)
        let issued = try #require(
            SAMLTime.parse(
                String(xml.slice(from: "IssueInstant=\"", through: "Z\"").dropFirst(14).dropLast()))
        )
        return SAMLTests.reason(
            xml, try Fixtures.validator(certificates: certificates), expecting: expecting,
            now: issued + 1)
    }

    @Test(
        "signed responses are accepted",
        arguments: ["signed-assertion.xml", "signed-response.xml", "signed-both.xml", "sha512.xml"])
    func accepted(_ file: String) throws {
        #expect(try reason(file) == nil)
        #expect(try reason(file, certificates: ["stranger"]) == .signatureInvalid)
        #expect(try reason(file, certificates: ["stranger", "idp"]) == nil)
    }

    @Test("an IdP-initiated response is accepted when nothing is pending, and only then")
    func unsolicited() throws {
        #expect(try reason("idp-initiated.xml", expecting: .unsolicited) == nil)
        #expect(try reason("idp-initiated.xml") == .inResponseTo)
        #expect(
            try reason("signed-assertion.xml", expecting: .unsolicited) == .unexpectedInResponseTo)
    }

    @Test("SHA-1 is refused, in the signature and in the digest alone")
    func sha1() throws {
        #expect(try reason("sha1.xml") == .signatureAlgorithm)
        #expect(try reason("sha1-digest.xml") == .signatureAlgorithm)
    }

    @Test("an unsigned response is refused")
    func unsigned() throws {
        #expect(try reason("unsigned.xml") == .unsigned)
    }

    @Test("attributes with several values come through")
    func attributes() throws {
        let xml = try Fixtures.text("signed-assertion.xml")
        let issued = try #require(
            SAMLTime.parse(
                String(xml.slice(from: "IssueInstant=\"", through: "Z\"").dropFirst(14).dropLast()))
        )
        let base64 = Data(xml.utf8).base64EncodedString(options: .lineLength64Characters)
        let assertion = try Fixtures.validator().validate(
            try UnverifiedResponse(base64: base64), expecting: .answer(to: Fixtures.request),
            now: issued
        ).get()
        #expect(assertion.nameID == "ana.silva@example.com")
        #expect(assertion.values(of: "urn:oid:1.3.6.1.4.1.5923.1.1.1.1") == ["staff", "admins"])
        #expect(assertion.clockSkewSeconds == 0)
    }

    @Test("its metadata is read")
    func metadata() throws {
        let metadata = try IdentityProviderMetadata(parsing: try Fixtures.bytes("idp-metadata.xml"))
        #expect(metadata.entityID == Fixtures.identityProvider)
        #expect(metadata.certificates == [try Fixtures.certificate("idp")])
        #expect(metadata.signInServices.map(\.binding) == [.redirect, .post])
        #expect(
            metadata.signInServices.map(\.location) == [
                "https://idp.example.com/sso", "https://idp.example.com/sso/post",
            ])
        #expect(metadata.preferredSignInService?.binding == .redirect)
    }
}
