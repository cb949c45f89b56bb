import Foundation
import SAML
import XMLSignature

/// A response as an identity provider would write it, with every part open to change.
struct ResponseDraft {
    static let now = SAMLTime.parse("2026-02-03T10:00:00Z") ?? .distantPast

    enum Signed { case assertion, response, both, nothing }

    var responseID = "_response-1"
    var assertionID = "_assertion-1"
    var responseAttributes = "Version=\"2.0\""
    var assertionAttributes = "Version=\"2.0\""
    var issuer = Fixtures.identityProvider
    var assertionIssuer = Fixtures.identityProvider
    var destination: String? = Fixtures.consumer
    var recipient: String? = Fixtures.consumer
    var audiences = [[Fixtures.serviceProvider]]
    var inResponseTo: String? = Fixtures.request
    var confirmationInResponseTo: String? = Fixtures.request
    var status = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>"
    var nameID = "ana.silva@example.com"
    var nameIDFormat: String? = NameIDFormat.emailAddress.rawValue
    var method = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
    var issued = now
    var assertionIssued = now
    var notBefore: Date? = now
    var notOnOrAfter: Date? = now + 300
    var confirmationStart: Date?
    var confirmationEnd: Date? = now + 300
    var authenticated: Date? = now - 60
    var sessionEnd: Date?
    var attributes = ""
    var extraCondition = ""
    var extraInResponse = ""
    var extraInAssertion = ""

    private func attribute(_ name: String, _ value: String?) -> String {
        value.map { " \(name)=\"\($0)\"" } ?? ""
    }

    private func time(_ name: String, _ value: Date?) -> String {
        attribute(name, value.map(SAMLTime.format))
    }

    var assertion: String {
        let restrictions = audiences.map { audiences in
            "<saml:AudienceRestriction>"
                + audiences.map { "<saml:Audience>\($0)</saml:Audience>" }.joined()
                + "</saml:AudienceRestriction>"
        }.joined()
        let statement =
            authenticated.map { instant in
                "<saml:AuthnStatement SessionIndex=\"s-1\"\(time("AuthnInstant", instant))"
                    + "\(time("SessionNotOnOrAfter", sessionEnd))><saml:AuthnContext>"
                    + "<saml:AuthnContextClassRef>urn:x</saml:AuthnContextClassRef>"
                    + "</saml:AuthnContext></saml:AuthnStatement>"
            } ?? ""
        return """
            <saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" \
            ID="\(assertionID)" \(assertionAttributes)\(time("IssueInstant", assertionIssued))>\
            <saml:Issuer>\(assertionIssuer)</saml:Issuer>\
            <saml:Subject><saml:NameID\(attribute("Format", nameIDFormat))>\(nameID)</saml:NameID>\
            <saml:SubjectConfirmation Method="\(method)"><saml:SubjectConfirmationData\
            \(attribute("Recipient", recipient))\(time("NotBefore", confirmationStart))\
            \(time("NotOnOrAfter", confirmationEnd))\
            \(attribute("InResponseTo", confirmationInResponseTo))/></saml:SubjectConfirmation>\
            </saml:Subject>\
            <saml:Conditions\(time("NotBefore", notBefore))\(time("NotOnOrAfter", notOnOrAfter))>\
            \(restrictions)\(extraCondition)</saml:Conditions>\
            \(statement)\(attributes)\(extraInAssertion)</saml:Assertion>
            """
    }

    var unsigned: String {
        """
        <samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" \
        ID="\(responseID)" \(responseAttributes)\(time("IssueInstant", issued))\
        \(attribute("Destination", destination))\(attribute("InResponseTo", inResponseTo))>\
        <saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">\(issuer)</saml:Issuer>\
        <samlp:Status>\(status)</samlp:Status>\(extraInResponse)\(assertion)</samlp:Response>
        """
    }

    func xml(
        signed: Signed = .assertion, by key: String = "idp",
        _ algorithm: XMLSignatureAlgorithm = .rsaSHA256
    ) throws -> String {
        let document = try XMLDocument(parsing: Array(unsigned.utf8), bytesMax: 1_000_000)
        let signer = try Fixtures.signer(key, algorithm)
        if signed == .assertion || signed == .both {
            for child in document.root.children where child.name == "Assertion" {
                try signer.sign(child)
            }
        }
        if signed == .response || signed == .both { try signer.sign(document.root) }
        return String(decoding: document.serialized(), as: UTF8.self)
    }
}

extension String {
    /// The text from the first `start` to the end of the first `end` after it, both included.
    func slice(from start: String, through end: String) -> String {
        guard let first = range(of: start),
            let last = range(of: end, range: first.upperBound..<endIndex)
        else { return "" }
        return String(self[first.lowerBound..<last.upperBound])
    }

    func replacing(_ old: String, _ new: String) -> String {
        replacingOccurrences(of: old, with: new)
    }
}
