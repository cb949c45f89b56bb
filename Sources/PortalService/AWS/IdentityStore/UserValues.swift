import Contracts

/// The attributes of a person that have several values, from the parts of one. `path` is for messages.
extension DirectoryEmail {
    init(_ parts: [String: AttributeDocument], _ path: String) throws {
        self.init()
        value = try parts.text("value", in: path)
        type = try parts.text("type", in: path)
        primary = try parts.flag("primary", in: path)
    }
}

extension DirectoryPhoneNumber {
    init(_ parts: [String: AttributeDocument], _ path: String) throws {
        self.init()
        value = try parts.text("value", in: path)
        type = try parts.text("type", in: path)
        primary = try parts.flag("primary", in: path)
    }
}

extension DirectoryRole {
    init(_ parts: [String: AttributeDocument], _ path: String) throws {
        self.init()
        value = try parts.text("value", in: path)
        type = try parts.text("type", in: path)
        primary = try parts.flag("primary", in: path)
    }
}

extension DirectoryPhoto {
    init(_ parts: [String: AttributeDocument], _ path: String) throws {
        self.init()
        value = try parts.text("value", in: path)
        type = try parts.text("type", in: path)
        display = try parts.text("display", in: path)
        primary = try parts.flag("primary", in: path)
    }
}

extension DirectoryAddress {
    init(_ parts: [String: AttributeDocument], _ path: String) throws {
        self.init()
        streetAddress = try parts.text("streetaddress", in: path)
        locality = try parts.text("locality", in: path)
        region = try parts.text("region", in: path)
        postalCode = try parts.text("postalcode", in: path)
        country = try parts.text("country", in: path)
        formatted = try parts.text("formatted", in: path)
        type = try parts.text("type", in: path)
        primary = try parts.flag("primary", in: path)
    }
}
