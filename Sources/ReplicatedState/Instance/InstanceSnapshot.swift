package import Contracts

/// The instance as this Region's coordinator last described it.
package struct InstanceSnapshot: Sendable, Equatable {
    package let instance: CoordinatorInstance
    package let regions: [CoordinatorRegion]
    package let epoch: UInt64
    /// Names the log; another log means another instance, or this one joined anew.
    package let logID: String

    package init?(_ response: CoordinatorGetInstanceResponse) {
        guard response.hasInstance, !response.instance.instanceArn.isEmpty else { return nil }
        instance = response.instance
        regions = response.regions
        epoch = response.epoch
        logID = response.logID
    }

    /// What the keys service is asked to wrap data keys with, in any Region.
    ///
    /// A multi-Region key is named by its ID, which is the same everywhere. Without a customer managed
    /// key it is the Region's own service key.
    package var wrappingKeyID: String {
        let arn = instance.encryption.kmsKeyArn
        guard !arn.isEmpty else { return Self.serviceKeyAlias }
        return KeyName.multiRegionID(arn) ?? arn
    }

    package static let serviceKeyAlias = "alias/portolan/service"
}

/// Compares names of KMS keys.
enum KeyName {
    /// The `mrk-…` ID of a multi-Region key's ARN or ID.
    static func multiRegionID(_ name: String) -> String? {
        let id = name.split(separator: "/").last.map(String.init) ?? name
        return id.hasPrefix("mrk-") ? id : nil
    }

    /// Whether two ARNs name the same key material.
    static func areSame(_ one: String, _ other: String) -> Bool {
        guard let id = multiRegionID(one) else { return one == other }
        return id == multiRegionID(other)
    }
}
