/// A group as SCIM shows it (RFC 7643 section 4.2).
package struct SCIMGroup: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package var id: String
        package var display: String

        package init(id: String, display: String = "") {
            self.id = id
            self.display = display
        }
    }

    package var id = ""
    package var externalID = ""
    package var displayName = ""
    /// Nil: not said (a PUT then leaves them), or not to be shown.
    package var members: [Member]?
    package var meta = SCIMMeta(resourceType: "Group")

    package init() {}

    /// Reads a group from a request.
    ///
    /// Throws `invalidSyntax`, `invalidValue` naming the attribute.
    package init(_ value: SCIMValue) throws {
        guard let object = value.object else {
            throw SCIMError.bad(.invalidSyntax, "The body must be an object.")
        }
        self.init()
        externalID = try object.text("externalId")
        displayName = try object.text("displayName")
        members = try object["members"].map { members in
            try GroupChange.memberIDs(in: members).map { Member(id: $0) }
        }
        guard !displayName.isEmpty else {
            throw SCIMError.bad(.invalidValue, "displayName is required.")
        }
    }

    /// The group as a resource.
    package var object: SCIMObject {
        var object = SCIMObject([("schemas", .array([.string(SCIMSchema.group)]))])
        object.set("id", id)
        object.set("externalId", externalID)
        object.set("displayName", displayName)
        if let members {
            object["members"] = .array(
                members.map { member in
                    var element = SCIMObject([("value", .string(member.id))])
                    element.set("display", member.display)
                    element["type"] = .string("User")
                    return .object(element)
                })
        }
        object["meta"] = meta.value
        return object
    }
}
