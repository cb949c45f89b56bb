import Foundation
import XMLSignature

/// What an assertion states about itself, the sign-in and the person's attributes.
///
/// Made from a verified element only; times are read here and judged by the validator.
struct AssertionStatement {
    struct Authentication {
        var instant: Date
        var context: String?
        var sessionIndex: String?
        var sessionNotOnOrAfter: Date?
    }

    let id: String
    let issuer: String
    let issuedAt: Date
    let authentication: Authentication
    let attributes: [ValidatedAssertion.Attribute]

    init(_ assertion: XMLElement) throws(Rejection) {
        guard assertion.attribute("Version") == "2.0",
            let id = assertion.attribute("ID"), (1...256).contains(id.utf8.count)
        else { throw Rejection(.schema, "The assertion has no ID or is not of SAML 2.0.") }
        self.id = id
        issuer = try assertion.only("Issuer").value
        guard let issuedAt = try assertion.time("IssueInstant") else {
            throw Rejection(.schema, "The assertion has no IssueInstant.")
        }
        self.issuedAt = issuedAt
        authentication = try Self.authentication(assertion)
        attributes = try Self.attributes(assertion)
    }

    /// Of several statements the oldest sign-in and the earliest end count.
    private static func authentication(
        _ assertion: XMLElement
    ) throws(Rejection) -> Authentication {
        var result: Authentication?
        for element in assertion.children("AuthnStatement", in: SAMLNames.assertionNamespace) {
            guard let instant = try element.time("AuthnInstant") else {
                throw Rejection(.schema, "AuthnStatement has no AuthnInstant.")
            }
            let end = try element.time("SessionNotOnOrAfter")
            let context = element.children("AuthnContext", in: SAMLNames.assertionNamespace).first?
                .children("AuthnContextClassRef", in: SAMLNames.assertionNamespace).first?.value
            var merged =
                result
                ?? Authentication(
                    instant: instant, context: context,
                    sessionIndex: element.attribute("SessionIndex"), sessionNotOnOrAfter: end)
            merged.instant = min(merged.instant, instant)
            merged.sessionNotOnOrAfter = [merged.sessionNotOnOrAfter, end].compactMap(\.self).min()
            result = merged
        }
        guard let result else {
            throw Rejection(.schema, "The assertion has no AuthnStatement.")
        }
        return result
    }

    /// Values with elements inside are left out: no attribute that is used here has any.
    private static func attributes(
        _ assertion: XMLElement
    ) throws(Rejection) -> [ValidatedAssertion.Attribute] {
        let saml = SAMLNames.assertionNamespace
        var found: [ValidatedAssertion.Attribute] = []
        for statement in assertion.children("AttributeStatement", in: saml) {
            for attribute in statement.children("Attribute", in: saml) {
                guard let name = attribute.attribute("Name"), !name.isEmpty else {
                    throw Rejection(.schema, "An Attribute has no Name.")
                }
                found.append(
                    .init(
                        name: name, friendlyName: attribute.attribute("FriendlyName"),
                        values: attribute.children("AttributeValue", in: saml).compactMap(\.text)))
            }
        }
        return found
    }
}

extension XMLElement {
    /// The time in an attribute; nil when there is none, a rejection when it is not a time.
    func time(_ name: String) throws(Rejection) -> Date? {
        guard let text = attribute(name) else { return nil }
        guard let time = SAMLTime.parse(text) else {
            throw Rejection(
                .schema, "\(name) of \(self.name) is \(quoted(text)), not a time in UTC.")
        }
        return time
    }
}
