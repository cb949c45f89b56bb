extension SCIMUser {
    /// Reads a user from a request. Read-only and unknown attributes are passed over
    /// (RFC 7644 section 3.3).
    ///
    /// Throws `invalidSyntax` when it is no object, `invalidValue` naming the attribute.
    package init(_ value: SCIMValue) throws {
        guard let object = value.object else {
            throw SCIMError.bad(.invalidSyntax, "The body must be an object.")
        }
        try self.init(object)
    }

    package init(_ object: SCIMObject) throws {
        self.init()
        externalID = try object.text("externalId")
        userName = try object.text("userName")
        displayName = try object.text("displayName")
        nickName = try object.text("nickName")
        profileURL = try object.text("profileUrl")
        userType = try object.text("userType")
        title = try object.text("title")
        preferredLanguage = try object.text("preferredLanguage")
        locale = try object.text("locale")
        timezone = try object.text("timezone")
        active = try object.flag("active", default: true)
        name = try Name(object.object("name"))
        emails = try object.elements("emails").compactMap(Contact.init)
        phoneNumbers = try object.elements("phoneNumbers").compactMap(Contact.init)
        photos = try object.elements("photos").compactMap(Photo.init)
        roles = try object.elements("roles").compactMap(Contact.init)
        addresses = try object.elements("addresses").map(Address.init)
        enterprise = try Enterprise(
            object.object(
                object[SCIMSchema.enterprise] == nil
                    ? SCIMSchema.enterpriseOld : SCIMSchema.enterprise))
        guard !userName.isEmpty else {
            throw SCIMError.bad(.invalidValue, "userName is required.")
        }
    }
}

extension SCIMUser.Name {
    init(_ object: SCIMObject) throws {
        self.init()
        formatted = try object.text("formatted")
        familyName = try object.text("familyName")
        givenName = try object.text("givenName")
        middleName = try object.text("middleName")
        honorificPrefix = try object.text("honorificPrefix")
        honorificSuffix = try object.text("honorificSuffix")
    }
}

extension SCIMUser.Contact {
    /// Nil for an element without a value, as Okta sends for what is not set.
    init?(_ object: SCIMObject) throws {
        let value = try object.text("value")
        if value.isEmpty { return nil }
        self.init(
            value: value, type: try object.text("type"),
            primary: try object.flag("primary", default: false))
    }
}

extension SCIMUser.Photo {
    /// Nil for an element without a value.
    init?(_ object: SCIMObject) throws {
        let value = try object.text("value")
        if value.isEmpty { return nil }
        self.init(
            value: value, type: try object.text("type"), display: try object.text("display"),
            primary: try object.flag("primary", default: false))
    }
}

extension SCIMUser.Address {
    init(_ object: SCIMObject) throws {
        self.init()
        streetAddress = try object.text("streetAddress")
        locality = try object.text("locality")
        region = try object.text("region")
        postalCode = try object.text("postalCode")
        country = try object.text("country")
        formatted = try object.text("formatted")
        type = try object.text("type")
        primary = try object.flag("primary", default: false)
    }
}

extension SCIMUser.Enterprise {
    init(_ object: SCIMObject) throws {
        self.init()
        employeeNumber = try object.text("employeeNumber")
        costCenter = try object.text("costCenter")
        organization = try object.text("organization")
        division = try object.text("division")
        department = try object.text("department")
        // RFC: {"value": id}; Entra ID sends the ID alone.
        if case .object(let manager)? = object["manager"] {
            managerID = try manager.text("value")
        } else {
            managerID = try object.text("manager")
        }
    }
}
