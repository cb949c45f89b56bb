import Contracts
import Foundation
import SCIM
import SwiftProtobuf

/// Between the directory's messages and SCIM's resources.
extension SCIMUser {
    init(_ user: DirectoryUser, baseURL: String) {
        self.init()
        id = user.userID
        externalID = user.externalID
        userName = user.userName
        displayName = user.displayName
        nickName = user.nickName
        profileURL = user.profileURL
        userType = user.userType
        title = user.title
        preferredLanguage = user.preferredLanguage
        locale = user.locale
        timezone = user.timezone
        active = user.enabled
        emails = user.emails.map { Contact(value: $0.value, type: $0.type, primary: $0.primary) }
        phoneNumbers = user.phoneNumbers.map {
            Contact(value: $0.value, type: $0.type, primary: $0.primary)
        }
        photos = user.photos.map {
            Photo(value: $0.value, type: $0.type, display: $0.display, primary: $0.primary)
        }
        roles = user.roles.map { Contact(value: $0.value, type: $0.type, primary: $0.primary) }
        addresses = user.addresses.map(Address.init)
        name = Name(user.name)
        enterprise = Enterprise(user.enterprise)
        meta = SCIMMeta(
            "User", baseURL: baseURL, id: user.userID, created: user.createdAtUs,
            updated: user.updatedAtUs, version: user.version)
    }
}

extension SCIMGroup {
    init(_ group: DirectoryGroup, baseURL: String) {
        self.init()
        id = group.groupID
        externalID = group.externalID
        displayName = group.displayName
        meta = SCIMMeta(
            "Group", baseURL: baseURL, id: group.groupID, created: group.createdAtUs,
            updated: group.updatedAtUs, version: group.version)
    }
}

extension SCIMMeta {
    fileprivate init(
        _ type: String, baseURL: String, id: String, created: Int64, updated: Int64,
        version: UInt64
    ) {
        self.init(resourceType: type)
        self.created = Display.rfc3339(microseconds: created)
        lastModified = Display.rfc3339(microseconds: updated)
        location = "\(baseURL)/\(type)s/\(id)"
        self.version = "W/\"\(version)\""
    }
}

extension SCIMUser.Name {
    fileprivate init(_ name: DirectoryName) {
        self.init()
        formatted = name.formatted
        familyName = name.familyName
        givenName = name.givenName
        middleName = name.middleName
        honorificPrefix = name.honorificPrefix
        honorificSuffix = name.honorificSuffix
    }
}

extension SCIMUser.Address {
    fileprivate init(_ address: DirectoryAddress) {
        self.init()
        streetAddress = address.streetAddress
        locality = address.locality
        region = address.region
        postalCode = address.postalCode
        country = address.country
        formatted = address.formatted
        type = address.type
        primary = address.primary
    }
}

extension SCIMUser.Enterprise {
    fileprivate init(_ enterprise: DirectoryEnterprise) {
        self.init()
        employeeNumber = enterprise.employeeNumber
        costCenter = enterprise.costCenter
        organization = enterprise.organization
        division = enterprise.division
        department = enterprise.department
        managerID = enterprise.managerUserID
    }
}

extension DirectoryUser {
    init(_ user: SCIMUser) {
        self.init()
        externalID = user.externalID
        userName = user.userName
        displayName = Self.displayName(user)
        nickName = user.nickName
        profileURL = user.profileURL
        userType = user.userType
        title = user.title
        preferredLanguage = user.preferredLanguage
        locale = user.locale
        timezone = user.timezone
        enabled = user.active
        emails = user.emails.map { contact in
            .with {
                $0.value = contact.value
                $0.type = contact.type
                $0.primary = contact.primary
            }
        }
        phoneNumbers = user.phoneNumbers.map { contact in
            .with {
                $0.value = contact.value
                $0.type = contact.type
                $0.primary = contact.primary
            }
        }
        photos = user.photos.map { photo in
            .with {
                $0.value = photo.value
                $0.type = photo.type
                $0.display = photo.display
                $0.primary = photo.primary
            }
        }
        roles = user.roles.map { role in
            .with {
                $0.value = role.value
                $0.type = role.type
                $0.primary = role.primary
            }
        }
        addresses = user.addresses.map(DirectoryAddress.init)
        name = DirectoryName(user.name)
        enterprise = DirectoryEnterprise(user.enterprise)
    }

    /// Takes over what SCIM has no attributes for, since its clients cannot mean to remove it.
    mutating func keepAttributesOutsideSCIM(of old: DirectoryUser) {
        website = old.website
        birthdate = old.birthdate
    }

    /// What the client calls the person; else their name; else the user name.
    private static func displayName(_ user: SCIMUser) -> String {
        if !user.displayName.isEmpty { return user.displayName }
        if !user.name.formatted.isEmpty { return user.name.formatted }
        let parts = [user.name.givenName, user.name.familyName].filter { !$0.isEmpty }
        return parts.isEmpty ? user.userName : parts.joined(separator: " ")
    }
}

extension DirectoryName {
    fileprivate init(_ name: SCIMUser.Name) {
        self.init()
        formatted = name.formatted
        familyName = name.familyName
        givenName = name.givenName
        middleName = name.middleName
        honorificPrefix = name.honorificPrefix
        honorificSuffix = name.honorificSuffix
    }
}

extension DirectoryAddress {
    fileprivate init(_ address: SCIMUser.Address) {
        self.init()
        streetAddress = address.streetAddress
        locality = address.locality
        region = address.region
        postalCode = address.postalCode
        country = address.country
        formatted = address.formatted
        type = address.type
        primary = address.primary
    }
}

extension DirectoryEnterprise {
    fileprivate init(_ enterprise: SCIMUser.Enterprise) {
        self.init()
        employeeNumber = enterprise.employeeNumber
        costCenter = enterprise.costCenter
        organization = enterprise.organization
        division = enterprise.division
        department = enterprise.department
        managerUserID = enterprise.managerID
    }
}
