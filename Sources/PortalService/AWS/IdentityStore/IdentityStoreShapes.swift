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
        let createdAt: Date
        let updatedAt: Date
    }

    struct Group: Encodable, Sendable {
        let identityStoreId: String
        let groupId: String
        let displayName: String
        let description: String?
        let externalIds: [ExternalID]?
        let createdAt: Date
        let updatedAt: Date
    }

    struct Membership: Encodable, Sendable {
        let identityStoreId: String
        let membershipId: String
        let groupId: String
        let memberId: MemberID
    }
}

extension IdentityStore.User {
    init(_ user: DirectoryUser, _ instance: InstanceSnapshot) {
        self.init(
            identityStoreId: instance.instance.identityStoreID, userId: user.userID,
            userName: user.userName,
            externalIds: instance.externalIDs(user.externalID),
            name: user.hasName ? IdentityStore.Name(user.name) : nil,
            displayName: user.displayName.ifNotEmpty, nickName: user.nickName.ifNotEmpty,
            profileUrl: user.profileURL.ifNotEmpty,
            emails: user.emails.isEmpty
                ? nil
                : user.emails.map {
                    .init(value: $0.value, type: $0.type.ifNotEmpty, primary: $0.primary)
                },
            addresses: user.addresses.isEmpty
                ? nil : user.addresses.map(IdentityStore.Address.init),
            phoneNumbers: user.phoneNumbers.isEmpty
                ? nil
                : user.phoneNumbers.map {
                    .init(value: $0.value, type: $0.type.ifNotEmpty, primary: $0.primary)
                },
            userType: user.userType.ifNotEmpty, title: user.title.ifNotEmpty,
            preferredLanguage: user.preferredLanguage.ifNotEmpty, locale: user.locale.ifNotEmpty,
            timezone: user.timezone.ifNotEmpty, userStatus: user.enabled ? "ENABLED" : "DISABLED",
            createdAt: Date(microseconds: user.createdAtUs),
            updatedAt: Date(microseconds: user.updatedAtUs))
    }
}

extension IdentityStore.Group {
    init(_ group: DirectoryGroup, _ instance: InstanceSnapshot) {
        self.init(
            identityStoreId: instance.instance.identityStoreID, groupId: group.groupID,
            displayName: group.displayName, description: group.description_p.ifNotEmpty,
            externalIds: instance.externalIDs(group.externalID),
            createdAt: Date(microseconds: group.createdAtUs),
            updatedAt: Date(microseconds: group.updatedAtUs))
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
