extension SCIMDiscovery {
    /// `/Schemas`: the attributes that are kept, with their characteristics (RFC 7643 section 7).
    package static func schemas(baseURL: String) -> [SCIMObject] {
        [
            schema(SCIMSchema.user, "User", "A person", userAttributes, baseURL),
            schema(SCIMSchema.group, "Group", "A group of people", groupAttributes, baseURL),
            schema(
                SCIMSchema.enterprise, "EnterpriseUser", "What an enterprise knows of a person",
                enterpriseAttributes, baseURL),
        ]
    }

    private static func schema(
        _ id: String, _ name: String, _ description: String, _ attributes: [Attribute],
        _ baseURL: String
    ) -> SCIMObject {
        SCIMObject([
            ("schemas", .array([.string("urn:ietf:params:scim:schemas:core:2.0:Schema")])),
            ("id", .string(id)), ("name", .string(name)), ("description", .string(description)),
            ("attributes", .array(attributes.map { .object($0.object) })),
            ("meta", meta("Schema", "\(baseURL)/Schemas/\(id)")),
        ])
    }

    /// One row of a schema.
    struct Attribute {
        let name: String
        var type = "string"
        var description = ""
        var multiValued = false
        var required = false
        var caseExact = false
        var mutability = "readWrite"
        var uniqueness = "none"
        var referenceTypes: [String] = []
        var sub: [Attribute] = []

        var object: SCIMObject {
            var object = SCIMObject([
                ("name", .string(name)), ("type", .string(type)),
                ("multiValued", .bool(multiValued)), ("description", .string(description)),
                ("required", .bool(required)), ("mutability", .string(mutability)),
                ("returned", .string("default")),
            ])
            if type == "string" || type == "reference" {
                object["caseExact"] = .bool(caseExact)
                object["uniqueness"] = .string(uniqueness)
            }
            object.set("referenceTypes", referenceTypes.map { .string($0) })
            object.set("subAttributes", sub.map { .object($0.object) })
            return object
        }
    }

    private static func text(_ name: String, _ description: String) -> Attribute {
        Attribute(name: name, description: description)
    }

    private static let userAttributes: [Attribute] = [
        Attribute(
            name: "userName", description: "Name of the account, equal to the SAML NameID",
            required: true, uniqueness: "server"),
        Attribute(
            name: "name", type: "complex", description: "Parts of the name",
            sub: [
                text("formatted", "The whole name"), text("familyName", "Family name"),
                text("givenName", "Given name"), text("middleName", "Middle names"),
                text("honorificPrefix", "Title before the name"),
                text("honorificSuffix", "Suffix behind the name"),
            ]),
        text("displayName", "Name as shown"), text("nickName", "Casual name"),
        Attribute(
            name: "profileUrl", type: "reference", description: "Page about the person",
            referenceTypes: ["external"]),
        text("title", "Position"), text("userType", "Kind of employment"),
        text("preferredLanguage", "Language, RFC 9110 section 12.5.4"),
        text("locale", "Locale"), text("timezone", "Time zone"),
        Attribute(name: "active", type: "boolean", description: "Whether sign-in is allowed"),
        contacts("emails", "E-mail addresses"), contacts("phoneNumbers", "Phone numbers"),
        contacts("roles", "Roles"),
        Attribute(
            name: "photos", type: "complex", description: "Photos", multiValued: true,
            sub: [
                Attribute(
                    name: "value", type: "reference", description: "Where the photo is",
                    referenceTypes: ["external"]),
                text("display", "What it shows"), text("type", "Kind"),
                Attribute(name: "primary", type: "boolean", description: "The preferred one"),
            ]),
        Attribute(
            name: "addresses", type: "complex", description: "Postal addresses", multiValued: true,
            sub: [
                text("formatted", "The whole address"), text("streetAddress", "Street"),
                text("locality", "Town"), text("region", "State or region"),
                text("postalCode", "Postal code"), text("country", "Country"),
                text("type", "Kind"),
                Attribute(name: "primary", type: "boolean", description: "The preferred one"),
            ]),
        Attribute(
            name: "groups", type: "complex", description: "Groups of the person",
            multiValued: true, mutability: "readOnly",
            sub: [text("value", "ID of the group"), text("display", "Name of the group")]),
    ]

    private static func contacts(_ name: String, _ description: String) -> Attribute {
        Attribute(
            name: name, type: "complex", description: description, multiValued: true,
            sub: [
                text("value", "The value"), text("type", "Kind"),
                Attribute(name: "primary", type: "boolean", description: "The preferred one"),
            ])
    }

    private static let groupAttributes: [Attribute] = [
        Attribute(
            name: "displayName", description: "Name of the group", required: true,
            uniqueness: "server"),
        Attribute(
            name: "members", type: "complex", description: "People in the group",
            multiValued: true,
            sub: [
                Attribute(
                    name: "value", description: "ID of the person", caseExact: true,
                    mutability: "immutable"),
                text("display", "Name of the person"),
            ]),
    ]

    private static let enterpriseAttributes: [Attribute] = [
        text("employeeNumber", "Number given by the employer"),
        text("costCenter", "Cost centre"), text("organization", "Organisation"),
        text("division", "Division"), text("department", "Department"),
        Attribute(
            name: "manager", type: "complex", description: "The person's manager",
            sub: [text("value", "ID of the manager")]),
    ]
}
