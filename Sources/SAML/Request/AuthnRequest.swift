package import Foundation
import XMLSignature

/// A request to an identity provider to sign somebody in (SAML 2.0 core, section 3.4.1). Unsigned.
package struct AuthnRequest: Sendable, Equatable {
    /// Unique and unguessable; the response names it in `InResponseTo`. See `makeID`.
    package var id: String
    package var issueInstant: Date
    /// Our entity ID, the same in every Region.
    package var issuer: String
    /// The identity provider's sign-in address.
    package var destination: String
    package var assertionConsumerService: AssertionConsumerService
    /// How the address above is named; identity providers differ in which one they heed.
    package var reply: Reply = .url
    /// Asks for a new authentication even if the person has a session at the identity provider.
    package var forceAuthn = false

    /// SAML forbids naming the reply address in both ways in one request.
    package enum Reply: Sendable, Equatable {
        case url, index
    }

    package init(
        id: String, issueInstant: Date, issuer: String, destination: String,
        assertionConsumerService: AssertionConsumerService
    ) {
        self.id = id
        self.issueInstant = issueInstant
        self.issuer = issuer
        self.destination = destination
        self.assertionConsumerService = assertionConsumerService
    }

    /// A new ID with 128 random bits.
    package static func makeID(using generator: inout some RandomNumberGenerator) -> String {
        "_" + hex(generator.next()) + hex(generator.next())
    }

    package static func makeID() -> String {
        var generator = SystemRandomNumberGenerator()
        return makeID(using: &generator)
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The request as XML.
    ///
    /// - Throws: `XMLParseError.outOfMemory`.
    package func xml() throws -> [UInt8] {
        let document = try XMLDocument(
            root: "AuthnRequest", prefix: "samlp", namespace: SAMLNames.protocolNamespace)
        let root = document.root
        try root.setAttribute("ID", id)
        try root.setAttribute("Version", "2.0")
        try root.setAttribute("IssueInstant", SAMLTime.format(issueInstant))
        try root.setAttribute("Destination", destination)
        if forceAuthn { try root.setAttribute("ForceAuthn", "true") }
        switch reply {
        case .url:
            try root.setAttribute("ProtocolBinding", SAMLNames.postBinding)
            try root.setAttribute("AssertionConsumerServiceURL", assertionConsumerService.url)
        case .index:
            try root.setAttribute(
                "AssertionConsumerServiceIndex", String(assertionConsumerService.index))
        }
        try root.addChild("Issuer", prefix: "saml", namespace: SAMLNames.assertionNamespace)
            .addText(issuer)
        let policy = try root.addChild(
            "NameIDPolicy", prefix: "samlp", namespace: SAMLNames.protocolNamespace)
        try policy.setAttribute("Format", NameIDFormat.emailAddress.rawValue)
        try policy.setAttribute("AllowCreate", "true")
        return document.serialized()
    }
}
