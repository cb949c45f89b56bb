/// Identifiers that SAML 2.0 fixes.
enum SAMLNames {
    static let protocolNamespace = "urn:oasis:names:tc:SAML:2.0:protocol"
    static let assertionNamespace = "urn:oasis:names:tc:SAML:2.0:assertion"
    static let metadataNamespace = "urn:oasis:names:tc:SAML:2.0:metadata"
    static let signatureNamespace = "http://www.w3.org/2000/09/xmldsig#"

    static let redirectBinding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    static let postBinding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"

    static let success = "urn:oasis:names:tc:SAML:2.0:status:Success"
    static let bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
    static let entityFormat = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
}

/// A format of NameID that sign-ins may use.
package enum NameIDFormat: String, Sendable, CaseIterable {
    case emailAddress = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
    case unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
    case persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
}

/// How a message travels through the browser.
package enum SAMLBinding: String, Sendable, Equatable {
    case redirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    case post = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
}
