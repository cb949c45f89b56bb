import SAML
import Testing
import XMLSignature

/// The wrapping attacks of Somorovsky et al. ("On Breaking SAML", 2012), as SAML Raider numbers them.
/// Each keeps a genuine signature over the genuine part and adds a forged part to be read instead.
@Suite("Signature wrapping")
struct SignatureWrappingTests {
    private let validator: ResponseValidator
    /// Genuine, with the response signed.
    private let response: String
    private let responseSignature: String
    /// Genuine, with the assertion signed.
    private let message: String
    private let assertion: String
    private let signature: String
    private let unsignedAssertion: String
    private let forged: String

    init() throws {
        validator = try Fixtures.validator()
        response = try ResponseDraft().xml(signed: .response)
            .slice(from: "<samlp:Response", through: "</samlp:Response>")
        responseSignature = response.slice(from: "<ds:Signature ", through: "</ds:Signature>")
        message = try ResponseDraft().xml(signed: .assertion)
            .slice(from: "<samlp:Response", through: "</samlp:Response>")
        assertion = message.slice(from: "<saml:Assertion", through: "</saml:Assertion>")
        signature = assertion.slice(from: "<ds:Signature ", through: "</ds:Signature>")
        unsignedAssertion = assertion.replacing(signature, "")
        forged = unsignedAssertion.replacing("ana.silva@example.com", "admin@example.com")
            .replacing("_assertion-1", "_evil")
    }

    /// The forged assertion with something put behind its issuer.
    private func forged(with part: String) -> String {
        forged.replacing("</saml:Issuer>", "</saml:Issuer>" + part)
    }

    private func forgedResponse(with part: String) -> String {
        response.replacing(responseSignature, "")
            .replacing("_response-1", "_evil-response")
            .replacing("_assertion-1", "_evil")
            .replacing("ana.silva@example.com", "admin@example.com")
            .replacing("</saml:Issuer><samlp:Status>", "</saml:Issuer>\(part)<samlp:Status>")
    }

    @Test("the genuine messages pass, so that the attacks fail for their own reason")
    func genuine() {
        #expect(reason(response, validator) == nil)
        #expect(reason(message, validator) == nil)
        #expect(!signature.isEmpty && !responseSignature.isEmpty && !forged.isEmpty)
    }

    @Test("XSW1: the genuine response inside the signature of a forged one")
    func xsw1() throws {
        let original = response.replacing(responseSignature, "")
        let carrying = responseSignature.replacing(
            "</ds:Signature>", "\(original)</ds:Signature>")
        let xml = forgedResponse(with: carrying)
        #expect(xml.contains("admin@example.com"))
        #expect(reason(xml, validator) == .assertionCount)
        try expectVerifierRefuses(xml, .reference)
    }

    @Test("XSW2: the genuine response before a detached signature in a forged one")
    func xsw2() throws {
        let xml = forgedResponse(
            with: response.replacing(responseSignature, "") + responseSignature)
        #expect(reason(xml, validator) == .assertionCount)
        try expectVerifierRefuses(xml, .reference)
    }

    @Test("XSW3: a forged assertion before the genuine one")
    func xsw3() {
        let xml = message.replacing(assertion, forged + assertion)
        #expect(reason(xml, validator) == .assertionCount)
        #expect(
            reason(message.replacing(assertion, assertion + forged), validator) == .assertionCount)
    }

    @Test("XSW4: the genuine assertion inside a forged one")
    func xsw4() {
        let xml = message.replacing(
            assertion, forged.replacing("</saml:Assertion>", assertion + "</saml:Assertion>"))
        #expect(reason(xml, validator) == .assertionCount)
    }

    @Test("XSW5: the genuine signature in a forged assertion, the genuine assertion behind it")
    func xsw5() throws {
        let xml = message.replacing(assertion, forged(with: signature) + unsignedAssertion)
        #expect(reason(xml, validator) == .assertionCount)
        try expectVerifierRefuses(forged(with: signature), .reference)
    }

    @Test("XSW6: the genuine assertion inside the signature of a forged one")
    func xsw6() throws {
        let carrying = signature.replacing(
            "</ds:Signature>", "\(unsignedAssertion)</ds:Signature>")
        #expect(
            reason(message.replacing(assertion, forged(with: carrying)), validator)
                == .assertionCount)
        try expectVerifierRefuses(forged(with: carrying), .reference)
    }

    @Test("XSW7: a forged assertion with the same ID in Extensions")
    func xsw7() {
        let same = forged.replacing("_evil", "_assertion-1")
        let xml = message.replacing(
            assertion, "<samlp:Extensions>\(same)</samlp:Extensions>\(assertion)")
        #expect(reason(xml, validator) == .duplicateID)
        let other = message.replacing(
            assertion, "<samlp:Extensions>\(forged)</samlp:Extensions>\(assertion)")
        #expect(reason(other, validator) == .assertionCount)
    }

    @Test("XSW8: the genuine assertion in an Object of the signature of a forged one")
    func xsw8() throws {
        let carrying = signature.replacing(
            "</ds:Signature>", "<ds:Object>\(unsignedAssertion)</ds:Object></ds:Signature>")
        #expect(
            reason(message.replacing(assertion, forged(with: carrying)), validator)
                == .assertionCount)
        try expectVerifierRefuses(forged(with: carrying), .reference)
    }

    @Test("a signature taken from the assertion to the response does not cover it")
    func moved() {
        let xml = message.replacing(assertion, forged)
            .replacing("</saml:Issuer><samlp:Status>", "</saml:Issuer>\(signature)<samlp:Status>")
        #expect(reason(xml, validator) == .signatureShape)
    }

    @Test("a genuine signature hidden deeper in the response is refused")
    func hidden() {
        let status = "<samlp:StatusDetail>\(signature)</samlp:StatusDetail></samlp:Status>"
        let xml = message.replacing(assertion, forged).replacing("</samlp:Status>", status)
        #expect(reason(xml, validator) == .signatureShape)
    }

    @Test("a comment in the name does not cut it short")
    func commentTruncation() throws {
        var draft = ResponseDraft()
        draft.nameID = "admin@example.com.evil.example"
        let xml = try draft.xml().replacing(
            "admin@example.com.evil.example", "admin@example.com<!-- -->.evil.example")
        #expect(xml.contains("<!-- -->"))
        let response = try UnverifiedResponse(xml: Array(xml.utf8))
        let verdict = validator.validate(
            response, expecting: .answer(to: Fixtures.request), now: ResponseDraft.now)
        #expect(try verdict.get().nameID == "admin@example.com.evil.example")
    }

    /// The layer below must hold without the structure checks above it.
    private func expectVerifierRefuses(_ xml: String, _ rejection: SignatureRejection) throws {
        let document = try XMLDocument(parsing: Array(xml.utf8), bytesMax: 1_000_000)
        let verifier = XMLSignatureVerifier(certificates: [try Fixtures.certificate("idp")])
        #expect(throws: rejection) { try verifier.verify(document.root).get() }
    }
}
