import Foundation
import SAML
import Testing

@Suite("Validation of a response")
struct ResponseValidatorTests {
    private let validator: ResponseValidator
    private let now = ResponseDraft.now

    init() throws {
        validator = try Fixtures.validator()
    }

    private func reason(
        _ change: (inout ResponseDraft) -> Void, signed: ResponseDraft.Signed = .assertion,
        expecting: ResponseValidator.Expectation = .answer(to: Fixtures.request)
    ) throws -> Rejection.Reason? {
        var draft = ResponseDraft()
        change(&draft)
        return SAMLTests.reason(try draft.xml(signed: signed), validator, expecting: expecting)
    }

    @Test("a signed assertion, a signed response and both are accepted")
    func accepted() throws {
        for signed in [ResponseDraft.Signed.assertion, .response, .both] {
            #expect(try reason({ _ in }, signed: signed) == nil)
        }
    }

    @Test("without a signature nothing is accepted")
    func unsigned() throws {
        #expect(try reason({ _ in }, signed: .nothing) == .unsigned)
    }

    @Test("a signature by another key is refused")
    func wrongKey() throws {
        let xml = try ResponseDraft().xml(by: "stranger")
        #expect(SAMLTests.reason(xml, validator) == .signatureInvalid)
    }

    @Test("of two signatures both must be valid")
    func oneOfTwoInvalid() throws {
        let xml = try ResponseDraft().xml(signed: .both)
        let altered = xml.replacing("</samlp:Status>", "<samlp:StatusMessage/></samlp:Status>")
        #expect(SAMLTests.reason(altered, validator) == .signatureInvalid)
    }

    @Test("altering any part of the assertion is noticed")
    func altered() throws {
        let xml = try ResponseDraft().xml()
        for (old, new) in [
            ("ana.silva@example.com", "admin@example.com"), ("urn:x", "urn:y"),
            ("SessionIndex=\"s-1\"", "SessionIndex=\"s-2\""),
        ] {
            #expect(xml.contains(old))
            #expect(SAMLTests.reason(xml.replacing(old, new), validator) == .signatureInvalid)
        }
    }

    @Test("two assertions are refused, also when both are signed")
    func twoAssertions() throws {
        var second = ResponseDraft()
        second.assertionID = "_assertion-2"
        let extra = second.assertion
        #expect(try reason { $0.extraInResponse = extra } == .assertionCount)
        let xml = try ResponseDraft().xml().replacing(
            "</samlp:Response>",
            try second.xml().slice(from: "<saml:Assertion", through: "</saml:Assertion>")
                + "</samlp:Response>")
        #expect(SAMLTests.reason(xml, validator) == .assertionCount)
    }

    @Test("encryption is refused with its own reason")
    func encrypted() throws {
        let element =
            "<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>"
        #expect(try reason { $0.extraInResponse = element } == .encrypted)
    }

    @Test("a failure of the identity provider is told")
    func status() throws {
        #expect(
            try reason {
                $0.status =
                    "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"/>"
            } == .status)
        #expect(try reason { $0.status = "" } == .schema)
    }

    @Test("Issuer must be the identity provider, in the response and in the assertion")
    func issuer() throws {
        #expect(try reason { $0.issuer = "https://evil.example" } == .issuer)
        #expect(try reason { $0.assertionIssuer = "https://evil.example" } == .issuer)
        #expect(try reason { $0.assertionIssuer += "/" } == .issuer)
    }

    @Test("Destination and Recipient must be this Region's address, exactly")
    func addresses() throws {
        let other = "https://us-east-1.portal.example.com/saml/acs"
        #expect(try reason { $0.destination = other } == .destination)
        #expect(try reason { $0.destination = nil } == .destination)
        #expect(try reason { $0.destination = Fixtures.consumer + "/" } == .destination)
        #expect(try reason { $0.recipient = other } == .recipient)
        #expect(try reason { $0.recipient = nil } == .recipient)
    }

    @Test("each audience restriction must name us, and one must be there")
    func audience() throws {
        let ours = Fixtures.serviceProvider
        #expect(try reason { $0.audiences = [["https://other.example"]] } == .audience)
        #expect(try reason { $0.audiences = [] } == .audience)
        #expect(try reason { $0.audiences = [[ours], ["https://other.example"]] } == .audience)
        #expect(try reason { $0.audiences = [["https://other.example", ours]] } == nil)
    }

    @Test("InResponseTo must name the pending request, in the response and in the confirmation")
    func inResponseTo() throws {
        #expect(try reason { $0.inResponseTo = "_other" } == .inResponseTo)
        #expect(try reason { $0.inResponseTo = nil } == .inResponseTo)
        #expect(try reason { $0.confirmationInResponseTo = "_other" } == .inResponseTo)
        #expect(try reason { $0.confirmationInResponseTo = nil } == .inResponseTo)
    }

    @Test("an IdP-initiated response must not claim to answer a request")
    func unsolicited() throws {
        #expect(try reason({ _ in }, expecting: .unsolicited) == .unexpectedInResponseTo)
        #expect(
            try reason({ $0.inResponseTo = nil }, expecting: .unsolicited)
                == .unexpectedInResponseTo)
        #expect(
            try reason(
                {
                    $0.inResponseTo = nil
                    $0.confirmationInResponseTo = nil
                }, expecting: .unsolicited) == nil)
    }

    @Test("an unknown condition makes the assertion invalid, the known ones do not")
    func conditions() throws {
        #expect(try reason { $0.extraCondition = "<saml:Condition/>" } == .schema)
        #expect(try reason { $0.extraCondition = "<x xmlns=\"urn:x\"/>" } == .schema)
        #expect(try reason { $0.extraCondition = "<saml:OneTimeUse/>" } == nil)
    }

    @Test("a subject that is not confirmed for a bearer is refused")
    func confirmation() throws {
        #expect(
            try reason { $0.method = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key" }
                == .subjectConfirmation)
        #expect(try reason { $0.confirmationEnd = nil } == .schema)
    }

    @Test("NameID has 1 to 128 characters and a known format")
    func nameID() throws {
        #expect(try reason { $0.nameID = "" } == .nameID)
        #expect(try reason { $0.nameID = "   " } == .nameID)
        #expect(try reason { $0.nameID = String(repeating: "x", count: 129) } == .nameID)
        #expect(try reason { $0.nameID = String(repeating: "x", count: 128) } == nil)
        #expect(try reason { $0.nameID = "a&#9;b" } == .nameID)
        #expect(
            try reason { $0.nameIDFormat = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient" }
                == .nameID)
        #expect(try reason { $0.nameIDFormat = nil } == nil)
    }

    @Test("unexpected elements are refused")
    func schema() throws {
        #expect(try reason { $0.extraInResponse = "<samlp:Extensions/>" } == .schema)
        #expect(try reason { $0.extraInAssertion = "<saml:Advice/>" } == .schema)
        #expect(try reason { $0.extraInAssertion = "<saml:Subject/>" } == .schema)
        #expect(try reason { $0.authenticated = nil } == .schema)
        #expect(try reason { $0.assertionAttributes = "Version=\"1.1\"" } == .schema)
        #expect(try reason { $0.responseAttributes = "Version=\"1.1\"" } == .notAResponse)
    }

    @Test("everything that the assertion states is returned")
    func content() throws {
        var draft = ResponseDraft()
        draft.sessionEnd = now + 3600
        draft.attributes = """
            <saml:AttributeStatement><saml:Attribute Name="groups" FriendlyName="Groups">\
            <saml:AttributeValue>one</saml:AttributeValue>\
            <saml:AttributeValue>two</saml:AttributeValue></saml:Attribute>\
            <saml:Attribute Name="none"/></saml:AttributeStatement>
            """
        let response = try UnverifiedResponse(xml: Array(try draft.xml().utf8))
        #expect(response.claimedInResponseTo == Fixtures.request)
        let assertion = try validator.validate(
            response, expecting: .answer(to: Fixtures.request), now: now + 5
        ).get()
        #expect(assertion.id == "_assertion-1")
        #expect(assertion.issuer == Fixtures.identityProvider)
        #expect(assertion.nameID == "ana.silva@example.com")
        #expect(assertion.nameIDFormat == .emailAddress)
        #expect(assertion.authenticatedAt == now - 60)
        #expect(assertion.authenticationContext == "urn:x")
        #expect(assertion.sessionIndex == "s-1")
        #expect(assertion.sessionNotOnOrAfter == now + 3600)
        #expect(assertion.inResponseTo == Fixtures.request)
        #expect(assertion.replayableUntil == now + 300 + 180)
        #expect(assertion.clockSkewSeconds == -5)
        #expect(assertion.values(of: "groups") == ["one", "two"])
        #expect(assertion.values(of: "none").isEmpty)
        #expect(assertion.attributes.map(\.friendlyName) == ["Groups", nil])
    }

    @Test("a rejection's text does not carry the person's name, and is one line")
    func explanations() throws {
        var draft = ResponseDraft()
        draft.destination = "https://x.example/&#10;fake log line"
        let response = try UnverifiedResponse(xml: Array(try draft.xml().utf8))
        let verdict = validator.validate(
            response, expecting: .answer(to: Fixtures.request), now: now)
        guard case .failure(let rejection) = verdict else {
            Issue.record("accepted")
            return
        }
        #expect(rejection.code == "SAML_DESTINATION_MISMATCH")
        #expect(!rejection.description.contains("ana.silva"))
        #expect(!rejection.description.contains("\n"))
        #expect(rejection.description.contains(Fixtures.consumer))
    }
}
