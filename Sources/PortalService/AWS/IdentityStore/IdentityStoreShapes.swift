import Contracts
import Foundation

/// The shapes of the Identity Store API.
enum IdentityStore {
    /// One way to name somebody by something else than the ID.
    struct AlternateIdentifier: Decodable, Sendable {
        let externalId: ExternalID?
        let uniqueAttribute: UniqueAttribute?
    }

    struct ExternalID: Codable, Sendable {
        let issuer: String
        let id: String
    }

    struct UniqueAttribute: Decodable, Sendable {
        let attributePath: String
        let attributeValue: String
    }

    struct Filter: Decodable, Sendable {
        let attributePath: String
        let attributeValue: String
    }

    struct MemberID: Codable, Sendable {
        let userId: String
    }

    struct Name: Encodable, Sendable {
        let formatted: String?
        let familyName: String?
        let givenName: String?
        let middleName: String?
        let honorificPrefix: String?
        let honorificSuffix: String?
    }

    struct Typed: Encodable, Sendable {
        let value: String
        let type: String?
        let primary: Bool
    }

    struct Photo: Encodable, Sendable {
        let value: String
        let type: String?
        let display: String?
        let primary: Bool
    }

    struct Address: Encodable, Sendable {
        let streetAddress: String?
        let locality: String?
        let region: String?
        let postalCode: String?
        let country: String?
        let formatted: String?
        let type: String?
        let primary: Bool
    }

    struct User: Encodable, Sendable {
        let identityStoreId: String
        let userId: String
        let userArn: String
        let revision: String
        let userName: String
        let externalIds: [ExternalID]?
        let name: Name?
        let displayName: String?
        let nickName: String?
        let profileUrl: String?
        let emails: [Typed]?
        let addresses: [Address]?
        let phoneNumbers: [Typed]?
        let userType: String?
        let title: String?
        let preferredLanguage: String?
        let locale: String?
        let timezone: String?
        let userStatus: String
        let photos: [Photo]?
        let website: String?
        let birthdate: String?
        let roles: [Typed]?
        let createdAt: Date
        let updatedAt: Date
        /// By name; only where it was asked for.
        let extensions: [String: AttributeDocument]?
    }

    struct Group: Encodable, Sendable {
        let identityStoreId: String
        let groupId: String
        let groupArn: String
        let revision: String
        let displayName: String
        let description: String?
        let externalIds: [ExternalID]?
        let createdAt: Date
        let updatedAt: Date
    }

    struct Membership: Encodable, Sendable {
        let identityStoreId: String
        let membershipId: String
        let membershipArn: String
        let groupId: String
        let memberId: MemberID
        let createdAt: Date?
    }
}

extension IdentityStore.User {
    init(_ user: DirectoryUser, _ instance: InstanceSnapshot, extended: Bool) {
        self.init(
            identityStoreId: instance.instance.identityStoreID, userId: user.userID,
            userArn: IdentityStoreNames.arn(.user, user.userID), revision: String(user.version),
            userName: user.userName,
            externalIds: instance.externalIDs(user.externalID),
            name: user.hasName ? IdentityStore.Name(user.name) : nil,
            displayName: user.displayName.ifNotEmpty, nickName: user.nickName.ifNotEmpty,
            profileUrl: user.profileURL.ifNotEmpty,
            emails: user.emails.map { IdentityStore.Typed($0.value, $0.type, $0.primary) }
                .ifNotEmpty,
            addresses: user.addresses.map(IdentityStore.Address.init).ifNotEmpty,
            phoneNumbers: user.phoneNumbers
                .map { IdentityStore.Typed($0.value, $0.type, $0.primary) }.ifNotEmpty,
            userType: user.userType.ifNotEmpty, title: user.title.ifNotEmpty,
            preferredLanguage: user.preferredLanguage.ifNotEmpty, locale: user.locale.ifNotEmpty,
            timezone: user.timezone.ifNotEmpty, userStatus: user.enabled ? "ENABLED" : "DISABLED",
            photos: user.photos.map(IdentityStore.Photo.init).ifNotEmpty,
            website: user.website.ifNotEmpty, birthdate: user.birthdate.ifNotEmpty,
            roles: user.roles.map { IdentityStore.Typed($0.value, $0.type, $0.primary) }
                .ifNotEmpty,
            createdAt: Date(microseconds: user.createdAtUs),
            updatedAt: Date(microseconds: user.updatedAtUs),
            extensions: extended && user.hasEnterprise
                ? [UserAttributes.enterprise: user.enterprise.document] : nil)
    }
}

extension DirectoryEnterprise {
    /// As an extension of the API: the names are SCIM's.
    fileprivate var document: AttributeDocument {
        var members: [String: AttributeDocument] = [:]
        for (name, text) in [
            ("employeeNumber", employeeNumber), ("costCenter", costCenter),
            ("organization", organization), ("division", division), ("department", department),
        ] where !text.isEmpty { members[name] = .text(text) }
        if !managerUserID.isEmpty { members["manager"] = .object(["value": .text(managerUserID)]) }
        return .object(members)
    }
}

extension IdentityStore.Group {
    init(_ group: DirectoryGroup, _ instance: InstanceSnapshot) {
        self.init(
            identityStoreId: instance.instance.identityStoreID, groupId: group.groupID,
            groupArn: IdentityStoreNames.arn(.group, group.groupID),
            revision: String(group.version), displayName: group.displayName,
            description: group.description_p.ifNotEmpty,
            externalIds: instance.externalIDs(group.externalID),
            createdAt: Date(microseconds: group.createdAtUs),
            updatedAt: Date(microseconds: group.updatedAtUs))
    }
}

extension IdentityStore.Membership {
    /// - Parameter createdAt: in microseconds since 1970; 0 when that is not known.
    init(
        _ instance: InstanceSnapshot, id: String, group: String, user: String, createdAt: Int64 = 0
    ) {
        self.init(
            identityStoreId: instance.instance.identityStoreID, membershipId: id,
            membershipArn: IdentityStoreNames.arn(.membership, id), groupId: group,
            memberId: .init(userId: user),
            createdAt: createdAt == 0 ? nil : Date(microseconds: createdAt))
    }
}

extension IdentityStore.Typed {
    fileprivate init(_ value: String, _ type: String, _ primary: Bool) {
        self.init(value: value, type: type.ifNotEmpty, primary: primary)
    }
}

extension IdentityStore.Photo {
    fileprivate init(_ photo: DirectoryPhoto) {
        self.init(
            value: photo.value, type: photo.type.ifNotEmpty, display: photo.display.ifNotEmpty,
            primary: photo.primary)
    }
}

extension IdentityStore.Name {
    init(_ name: DirectoryName) {
        self.init(
            formatted: name.formatted.ifNotEmpty, familyName: name.familyName.ifNotEmpty,
            givenName: name.givenName.ifNotEmpty, middleName: name.middleName.ifNotEmpty,
            honorificPrefix: name.honorificPrefix.ifNotEmpty,
            honorificSuffix: name.honorificSuffix.ifNotEmpty)
    }
}

extension IdentityStore.Address {
    init(_ address: DirectoryAddress) {
        self.init(
            streetAddress: address.streetAddress.ifNotEmpty, locality: address.locality.ifNotEmpty,
            region: address.region.ifNotEmpty, postalCode: address.postalCode.ifNotEmpty,
            country: address.country.ifNotEmpty, formatted: address.formatted.ifNotEmpty,
            type: address.type.ifNotEmpty, primary: address.primary)
    }
}

extension InstanceSnapshot {
    /// The identity provider is the issuer of its own IDs.
    fileprivate func externalIDs(_ id: String) -> [IdentityStore.ExternalID]? {
        guard !id.isEmpty else { return nil }
        return [.init(issuer: identityProvider?.entityID ?? issuer, id: id)]
    }
}
