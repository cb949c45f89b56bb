extension SCIMUser {
    /// The user as a resource.
    package var object: SCIMObject {
        var object = SCIMObject()
        let extended = enterprise.object
        object["schemas"] = .array(
            ([SCIMSchema.user] + (extended.isEmpty ? [] : [SCIMSchema.enterprise]))
                .map { .string($0) })
        object.set("id", id)
        object.set("externalId", externalID)
        object.set("userName", userName)
        object.set("name", name.object)
        object.set("displayName", displayName)
        object.set("nickName", nickName)
        object.set("profileUrl", profileURL)
        object.set("emails", emails.map(\.element))
        object.set("addresses", addresses.map(\.element))
        object.set("phoneNumbers", phoneNumbers.map(\.element))
        object.set("photos", photos.map(\.element))
        object.set("roles", roles.map(\.element))
        object.set("userType", userType)
        object.set("title", title)
        object.set("preferredLanguage", preferredLanguage)
        object.set("locale", locale)
        object.set("timezone", timezone)
        object["active"] = .bool(active)
        object.set(
            "groups",
            groups.map {
                .object(
                    SCIMObject([
                        ("value", .string($0.id)), ("display", .string($0.display)),
                        ("type", .string("direct")),
                    ]))
            })
        object.set(SCIMSchema.enterprise, extended)
        object["meta"] = meta.value
        return object
    }
}

extension SCIMUser.Name {
    var object: SCIMObject {
        var object = SCIMObject()
        object.set("formatted", formatted)
        object.set("familyName", familyName)
        object.set("givenName", givenName)
        object.set("middleName", middleName)
        object.set("honorificPrefix", honorificPrefix)
        object.set("honorificSuffix", honorificSuffix)
        return object
    }
}

extension SCIMUser.Contact {
    var element: SCIMValue {
        var object = SCIMObject([("value", .string(value))])
        object.set("type", type)
        object["primary"] = .bool(primary)
        return .object(object)
    }
}

extension SCIMUser.Photo {
    var element: SCIMValue {
        var object = SCIMObject([("value", .string(value))])
        object.set("type", type)
        object.set("display", display)
        object["primary"] = .bool(primary)
        return .object(object)
    }
}

extension SCIMUser.Address {
    var element: SCIMValue {
        var object = SCIMObject()
        object.set("streetAddress", streetAddress)
        object.set("locality", locality)
        object.set("region", region)
        object.set("postalCode", postalCode)
        object.set("country", country)
        object.set("formatted", formatted)
        object.set("type", type)
        object["primary"] = .bool(primary)
        return .object(object)
    }
}

extension SCIMUser.Enterprise {
    var object: SCIMObject {
        var object = SCIMObject()
        object.set("employeeNumber", employeeNumber)
        object.set("costCenter", costCenter)
        object.set("organization", organization)
        object.set("division", division)
        object.set("department", department)
        if !managerID.isEmpty {
            object["manager"] = .object(SCIMObject([("value", .string(managerID))]))
        }
        return object
    }
}
