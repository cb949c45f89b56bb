import Contracts
import SwiftProtobuf

/// A person whose attributes are set by the names that the Identity Store API has for them.
///
/// Names count without regard to case. What the directory cannot hold is refused, never left out.
/// Source: `User`, `CreateUser` and `UpdateUser` in the Identity Store API Reference.
struct UserAttributes {
    static let enterprise = "aws:identitystore:enterprise"
    private static let photosMax = 3
    private static let contact: Set = ["value", "type", "primary"]
    private static let photo: Set = ["value", "type", "display", "primary"]
    private static let address: Set = [
        "streetaddress", "locality", "region", "postalcode", "country", "formatted", "type",
        "primary",
    ]

    private(set) var user: DirectoryUser

    init(_ user: DirectoryUser) { self.user = user }

    /// Sets one attribute; null removes it.
    ///
    /// - Parameter path: "title", "name.familyName", "emails",
    ///   "aws:identitystore:enterprise.department".
    ///
    /// Throws: `AWSError` ValidationException.
    mutating func set(_ path: String, to value: AttributeDocument) throws {
        let folded = path.lowercased()
        if let text = UserTexts.paths[folded] {
            guard value != .null || !UserTexts.required.contains(folded) else {
                throw AWSError.attribute(path, "cannot be removed")
            }
            user[keyPath: text] = try value.text(path)
        } else {
            try setComplex(folded, path, value)
        }
        if user.name == DirectoryName() { user.clearName() }
        if user.enterprise == DirectoryEnterprise() { user.clearEnterprise() }
    }

    /// Throws: `AWSError` ValidationException unless everything is there that a new person needs.
    func requireComplete() throws {
        for path in ["userName", "displayName", "name.familyName", "name.givenName"] {
            guard let text = UserTexts.paths[path.lowercased()], !user[keyPath: text].isEmpty else {
                throw AWSError.missing(path)
            }
        }
    }

    private mutating func setComplex(
        _ folded: String, _ path: String, _ value: AttributeDocument
    ) throws {
        switch folded {
        case "name": try setName(path, value)
        case "emails", "phonenumbers", "roles", "photos", "addresses":
            try setValues(folded, path, value)
        case Self.enterprise: try setEnterprise(path, value)
        case "\(Self.enterprise).manager": try setManager(path, value)
        case "userstatus": try setStatus(path, value)
        case "externalids":
            throw AWSError.attribute(
                path, "belongs to the identity provider, which sets it by SCIM")
        default: throw Self.unknown(folded, path)
        }
    }

    private static func unknown(_ folded: String, _ path: String) -> AWSError {
        for name in ["emails", "phonenumbers", "roles", "photos", "addresses"]
        where folded.hasPrefix("\(name).") || folded.hasPrefix("\(name)[") {
            return .validation(
                "Unsupported update operation on multi-value attribute \(path.prefix(name.count)), "
                    + "please provide full replacement of Multi-Value attribute types")
        }
        return .attribute(path, "is not an attribute that is kept here")
    }

    /// The whole name: parts that are left out are removed.
    private mutating func setName(_ path: String, _ value: AttributeDocument) throws {
        let parts = try value.members(path, of: UserTexts.parts(of: "name"))
        user.clearName()
        for (part, value) in parts { try set("\(path).\(part)", to: value) }
        for part in ["familyName", "givenName"] where parts[part.lowercased()] == nil {
            throw AWSError.attribute("\(path).\(part)", "is needed")
        }
    }

    private mutating func setEnterprise(_ path: String, _ value: AttributeDocument) throws {
        let parts =
            value == .null
            ? [:]
            : try value.members(path, of: UserTexts.parts(of: Self.enterprise).union(["manager"]))
        user.clearEnterprise()
        for (part, value) in parts { try set("\(path).\(part)", to: value) }
    }

    /// The manager's user ID, alone or as `value`, as SCIM has it.
    private mutating func setManager(_ path: String, _ value: AttributeDocument) throws {
        switch value {
        case .object:
            user.enterprise.managerUserID = try value.members(path, of: ["value"])
                .text("value", in: path)
        default: user.enterprise.managerUserID = try value.text(path)
        }
    }

    private mutating func setStatus(_ path: String, _ value: AttributeDocument) throws {
        switch value {
        case .text("ENABLED"): user.enabled = true
        case .text("DISABLED"): user.enabled = false
        default: throw AWSError.attribute(path, "is ENABLED or DISABLED")
        }
    }

    /// Attributes with several values are replaced whole.
    private mutating func setValues(
        _ folded: String, _ path: String, _ value: AttributeDocument
    ) throws {
        switch folded {
        case "emails":
            user.emails = try value.elements(path, max: 1, of: Self.contact).map {
                try DirectoryEmail($0, path)
            }
        case "phonenumbers":
            user.phoneNumbers = try value.elements(path, max: 1, of: Self.contact).map {
                try DirectoryPhoneNumber($0, path)
            }
        case "roles":
            user.roles = try value.elements(path, max: 1, of: Self.contact).map {
                try DirectoryRole($0, path)
            }
        case "photos":
            user.photos = try value.elements(path, max: Self.photosMax, of: Self.photo).map {
                try DirectoryPhoto($0, path)
            }
        default:
            user.addresses = try value.elements(path, max: 1, of: Self.address).map {
                try DirectoryAddress($0, path)
            }
        }
    }
}
