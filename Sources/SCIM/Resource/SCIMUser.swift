/// A user as SCIM shows it (RFC 7643 sections 4.1 and 4.3).
package struct SCIMUser: Equatable, Sendable {
    package struct Name: Equatable, Sendable {
        package var formatted = ""
        package var familyName = ""
        package var givenName = ""
        package var middleName = ""
        package var honorificPrefix = ""
        package var honorificSuffix = ""
        package init() {}
    }

    /// An e-mail address, a phone number or a role.
    package struct Contact: Equatable, Sendable {
        package var value: String
        package var type: String
        package var primary: Bool

        package init(value: String, type: String = "", primary: Bool = false) {
            self.value = value
            self.type = type
            self.primary = primary
        }
    }

    package struct Photo: Equatable, Sendable {
        /// Where the photo is.
        package var value: String
        package var type: String
        package var display: String
        package var primary: Bool

        package init(value: String, type: String = "", display: String = "", primary: Bool = false)
        {
            self.value = value
            self.type = type
            self.display = display
            self.primary = primary
        }
    }

    package struct Address: Equatable, Sendable {
        package var streetAddress = ""
        package var locality = ""
        package var region = ""
        package var postalCode = ""
        package var country = ""
        package var formatted = ""
        package var type = ""
        package var primary = false
        package init() {}
    }

    package struct Enterprise: Equatable, Sendable {
        package var employeeNumber = ""
        package var costCenter = ""
        package var organization = ""
        package var division = ""
        package var department = ""
        package var managerID = ""
        package init() {}
    }

    package struct GroupReference: Equatable, Sendable {
        package var id: String
        package var display: String

        package init(id: String, display: String) {
            self.id = id
            self.display = display
        }
    }

    package var id = ""
    package var externalID = ""
    package var userName = ""
    package var name = Name()
    package var displayName = ""
    package var nickName = ""
    package var profileURL = ""
    package var emails: [Contact] = []
    package var addresses: [Address] = []
    package var phoneNumbers: [Contact] = []
    package var photos: [Photo] = []
    package var roles: [Contact] = []
    package var userType = ""
    package var title = ""
    package var preferredLanguage = ""
    package var locale = ""
    package var timezone = ""
    package var active = true
    package var enterprise = Enterprise()
    /// Shown, never taken from the client.
    package var groups: [GroupReference] = []
    package var meta = SCIMMeta(resourceType: "User")

    package init() {}
}

/// Where and when a resource came to be.
package struct SCIMMeta: Equatable, Sendable {
    package var resourceType: String
    /// RFC 3339.
    package var created = ""
    package var lastModified = ""
    package var location = ""
    /// Weak entity tag, `W/"3"`.
    package var version = ""

    package init(resourceType: String) { self.resourceType = resourceType }

    var value: SCIMValue {
        var object = SCIMObject([("resourceType", .string(resourceType))])
        object.set("created", created)
        object.set("lastModified", lastModified)
        object.set("location", location)
        object.set("version", version)
        return .object(object)
    }
}
