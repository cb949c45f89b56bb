/// An answer that is not the resource (RFC 7644 section 3.12).
package struct SCIMError: Error, Equatable, Sendable {
    /// The detail keywords of RFC 7644 table 9.
    package enum Kind: String, Sendable {
        case invalidFilter, tooMany, uniqueness, mutability, invalidSyntax, invalidPath, noTarget
        case invalidValue, invalidVers, sensitive
    }

    /// HTTP status, 400 to 599.
    package let status: Int
    package let kind: Kind?
    /// For the administrator of the identity provider; holds no personal data.
    package let detail: String

    package init(status: Int, kind: Kind? = nil, detail: String) {
        self.status = status
        self.kind = kind
        self.detail = detail
    }

    /// The body to send.
    package var body: SCIMValue {
        var object = SCIMObject()
        object["schemas"] = .array([.string("urn:ietf:params:scim:api:messages:2.0:Error")])
        object["status"] = .string(String(status))
        if let kind { object["scimType"] = .string(kind.rawValue) }
        object["detail"] = .string(detail)
        return .object(object)
    }

    static func bad(_ kind: Kind, _ detail: String) -> SCIMError {
        SCIMError(status: 400, kind: kind, detail: detail)
    }
}
