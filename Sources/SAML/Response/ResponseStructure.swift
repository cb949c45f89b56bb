import XMLSignature

/// The parts of a response, after checks of structure that hold for any content.
///
/// Everything that could hide a second reading is refused: unknown elements, assertions or
/// signatures in other places, encryption.
struct ResponseStructure {
    let response: XMLElement
    let assertion: XMLElement
    let responseIsSigned: Bool
    let assertionIsSigned: Bool

    init(_ root: XMLElement) throws(Rejection) {
        guard root.isNamed("Response", in: SAMLNames.protocolNamespace),
            root.attribute("Version") == "2.0", let id = root.attribute("ID"), !id.isEmpty
        else { throw Rejection(.notAResponse, "The document is not a SAML 2.0 Response.") }
        try Self.checkStatus(root)
        try Self.refuseEncryption(root)

        let saml = SAMLNames.assertionNamespace
        let assertions = root.children("Assertion", in: saml)
        let total = root.count(of: "Assertion", in: saml)
        guard let assertion = assertions.first, assertions.count == 1, total == 1 else {
            throw Rejection(
                .assertionCount, "The response has \(total) assertions; exactly one is accepted.")
        }
        guard root.count(of: "Response", in: SAMLNames.protocolNamespace) == 1 else {
            throw Rejection(.schema, "A Response stands inside the response.")
        }
        try Self.allow(
            ["Issuer", "Assertion"], and: ["Status"], in: root, repeatable: [])
        try Self.allow(
            [
                "Issuer", "Subject", "Conditions", "AuthnStatement", "AttributeStatement",
            ], and: [], in: assertion, repeatable: ["AuthnStatement", "AttributeStatement"])
        guard assertion.byteCount <= UnverifiedResponse.assertionBytesMax else {
            throw Rejection(
                .assertionTooLarge,
                "The assertion is larger than 50,000 bytes. Send fewer attributes.")
        }
        response = root
        self.assertion = assertion
        responseIsSigned = Self.signatures(root) > 0
        assertionIsSigned = Self.signatures(assertion) > 0
        guard
            root.count(of: "Signature", in: SAMLNames.signatureNamespace)
                == Self.signatures(root) + Self.signatures(assertion)
        else { throw Rejection(.signatureShape, "A signature stands where SAML has none.") }
    }

    private static func signatures(_ element: XMLElement) -> Int {
        element.children("Signature", in: SAMLNames.signatureNamespace).count
    }

    private static func checkStatus(_ root: XMLElement) throws(Rejection) {
        let codes = root.children("Status", in: SAMLNames.protocolNamespace)
            .flatMap { $0.children("StatusCode", in: SAMLNames.protocolNamespace) }
        guard let code = codes.first, codes.count == 1 else {
            throw Rejection(.schema, "The response has no single StatusCode.")
        }
        guard code.attribute("Value") == SAMLNames.success else {
            let second = code.children("StatusCode", in: SAMLNames.protocolNamespace).first
            throw Rejection(
                .status,
                "The identity provider refused: status \(quoted(code.attribute("Value"))), "
                    + "detail \(quoted(second?.attribute("Value"))). See its log.")
        }
    }

    private static func refuseEncryption(_ root: XMLElement) throws(Rejection) {
        for name in ["EncryptedAssertion", "EncryptedID", "EncryptedAttribute"]
        where root.count(of: name, in: SAMLNames.assertionNamespace) > 0 {
            throw Rejection(
                .encrypted,
                "The response has an \(name). Switch encryption off at the identity provider.")
        }
    }

    /// Only these children, each once but for the repeatable ones, and at most one signature.
    private static func allow(
        _ assertionNames: Set<String>, and protocolNames: Set<String>, in element: XMLElement,
        repeatable: Set<String>
    ) throws(Rejection) {
        var seen: Set<String> = []
        for child in element.children {
            let known =
                switch child.namespace {
                case SAMLNames.assertionNamespace: assertionNames.contains(child.name)
                case SAMLNames.protocolNamespace: protocolNames.contains(child.name)
                case SAMLNames.signatureNamespace: child.name == "Signature"
                default: false
                }
            guard known else {
                throw Rejection(
                    .schema, "\(element.name) has an unexpected element \(quoted(child.name)).")
            }
            guard seen.insert(child.name).inserted || repeatable.contains(child.name) else {
                throw Rejection(.schema, "\(element.name) has \(quoted(child.name)) twice.")
            }
        }
    }
}

extension XMLElement {
    /// The one child of this name in SAML's assertion namespace.
    func only(_ name: String) throws(Rejection) -> XMLElement {
        let found = children(name, in: SAMLNames.assertionNamespace)
        guard let first = found.first, found.count == 1 else {
            throw Rejection(.schema, "\(self.name) has \(found.count) \(name) elements, not one.")
        }
        return first
    }

    /// The element's text without the white space around it.
    var value: String {
        guard let text else { return "" }
        let isSpace: (Character) -> Bool = { $0.isWhitespace }
        guard text.first.map(isSpace) == true || text.last.map(isSpace) == true else { return text }
        return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
