/// Names of RFC 7643 that requests use.
package enum SCIMSchema {
    package static let user = "urn:ietf:params:scim:schemas:core:2.0:User"
    package static let group = "urn:ietf:params:scim:schemas:core:2.0:Group"
    package static let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    package static let listResponse = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
    package static let patchOperation = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
    /// SCIM 1.1's name of the enterprise extension, which some identity providers still send.
    static let enterpriseOld = "urn:scim:schemas:extension:enterprise:1.0"

    /// Attributes with several values.
    static let multiValued: Set<String> = [
        "emails", "phonenumbers", "addresses", "photos", "roles", "members", "groups", "schemas",
    ]

    /// Attributes the client cannot change.
    static let readOnly: Set<String> = ["id", "meta", "schemas", "groups"]

    /// Attributes of a user that are kept.
    static let userAttributes: Set<String> = [
        "id", "meta", "schemas", "groups", "externalid", "username", "name", "displayname",
        "nickname", "profileurl", "emails", "addresses", "phonenumbers", "photos", "roles",
        "usertype", "title", "preferredlanguage", "locale", "timezone", "active",
    ]

    /// Attributes of the enterprise extension that are kept.
    static let enterpriseAttributes: Set<String> = [
        "employeenumber", "costcenter", "organization", "division", "department", "manager",
    ]

    /// Parts of the complex attributes that are kept; some are read and passed over.
    static let parts: [String: Set<String>] = [
        "name": [
            "formatted", "familyname", "givenname", "middlename", "honorificprefix",
            "honorificsuffix",
        ],
        "emails": ["value", "type", "primary", "display"],
        "phonenumbers": ["value", "type", "primary", "display"],
        "photos": ["value", "type", "primary", "display"],
        "roles": ["value", "type", "primary", "display"],
        "addresses": [
            "formatted", "streetaddress", "locality", "region", "postalcode", "country", "type",
            "primary",
        ],
        "members": ["value", "type", "display", "$ref"],
        "manager": ["value", "displayname", "$ref"],
    ]

    /// Attributes whose strings compare exactly.
    static let caseExact: Set<String> = ["id", "externalid"]

    /// Splits a schema URN off an attribute name: ("…:enterprise:2.0:User", "department").
    static func split(_ text: String) -> (extended: Bool, rest: Substring) {
        for urn in [enterprise, enterpriseOld] {
            if let rest = remove(urn, from: text) { return (true, rest) }
        }
        for urn in [user, group] {
            if let rest = remove(urn, from: text) { return (false, rest) }
        }
        return (false, text[...])
    }

    private static func remove(_ urn: String, from text: String) -> Substring? {
        guard text.count >= urn.count, text.prefix(urn.count).lowercased() == urn.lowercased()
        else { return nil }
        let rest = text.dropFirst(urn.count)
        if rest.isEmpty { return rest }
        return rest.first == ":" ? rest.dropFirst() : nil
    }
}
