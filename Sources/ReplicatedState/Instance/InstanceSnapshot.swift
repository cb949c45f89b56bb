package import Contracts

/// The instance as this Region's coordinator last described it.
package struct InstanceSnapshot: Sendable, Equatable {
    package let instance: CoordinatorInstance
    package let regions: [CoordinatorRegion]
    package let epoch: UInt64
    /// Names the log; another log means another instance, or this one joined anew.
    package let logID: String
    /// Who has written the control stream, and from where on; oldest first.
    package let reigns: [LogReign]

    package init?(_ response: CoordinatorGetInstanceResponse) {
        guard response.hasInstance, !response.instance.instanceArn.isEmpty else { return nil }
        instance = response.instance
        regions = response.regions
        epoch = response.epoch
        logID = response.logID
        reigns = response.reigns
    }

    /// Whether a position of the control stream was written by a former primary beyond what its
    /// successor took over: it will never be reached here.
    package func hasLost(_ position: LogPosition) -> Bool {
        guard position.stream == "control", position.epoch < epoch,
            let index = reigns.firstIndex(where: { $0.epoch > position.epoch })
        else { return false }
        return position.sequence > reigns[index].afterSequence
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
