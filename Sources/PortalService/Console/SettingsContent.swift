import Contracts
import Foundation

/// What the settings page shows.
struct SettingsContent: Sendable {
    let name, instanceARN, identityStoreID, kind, primary, sessionDuration: String
    let identitySource, scimURL: String
    let provider: Provider?
    let keyARN: String?
    let isMultiRegion: Bool
    let encryption, encryptionTone: String
    let encryptionReason: String?
    /// How far the sealing anew of records is; nil when there is nothing left to do.
    let resealing: String?
    /// What is amiss with the key in other Regions.
    let keyWarnings: [String]
    let regionCount: String
    let canChange: Bool
    let regions: [RegionRow]

    struct Provider: Sendable {
        let entityID, signInURL, certificateCount: String
    }

    init(
        _ snapshot: InstanceSnapshot, _ replication: CoordinatorGetReplicationStatusResponse?,
        _ relatedKeys: [KeysGetRelatedKeysResponse.RelatedKey],
        _ resealing: CoordinatorResealing?
    ) {
        let instance = snapshot.instance
        name = instance.name
        instanceARN = instance.instanceArn
        identityStoreID = instance.identityStoreID
        kind = instance.kind == .account ? "Account instance" : "Organization instance"
        primary = instance.primaryRegion
        sessionDuration = Display.duration(milliseconds: Int64(snapshot.sessionSeconds) * 1_000)
        identitySource =
            switch instance.identitySource {
            case .externalIdp: "External identity provider"
            case .activeDirectory: "Active Directory"
            case .identityCenterDirectory: "Built-in directory"
            default: "Not set"
            }
        provider = snapshot.identityProvider.map {
            Provider(
                entityID: $0.entityID, signInURL: $0.signInURL,
                certificateCount: String($0.signingCertificates.count))
        }
        scimURL = snapshot.portalURL(of: instance.primaryRegion) + "/scim/v2"
        let key = instance.encryption
        keyARN = key.kmsKeyArn.isEmpty ? nil : key.kmsKeyArn
        isMultiRegion = key.multiRegion
        (encryption, encryptionTone) =
            switch key.status {
            case .enabled: ("Enabled", "good")
            case .updating: ("Updating", "warn")
            case .updateFailed: ("Update failed", "bad")
            default: ("Not set", "warn")
            }
        encryptionReason = key.statusReason.isEmpty ? nil : key.statusReason
        self.resealing = resealing.flatMap { progress in
            guard progress.dataKeys > 0 else { return nil }
            let left = Display.count(progress.recordsLeft)
            return progress.parts.allSatisfy(\.counted)
                ? "\(left) of \(Display.count(progress.records)) records left" : "counting records"
        }
        keyWarnings = relatedKeys.filter { $0.heardOfAtUs > 0 }.flatMap { related -> [String] in
            var warnings: [String] = []
            if related.keyState != .enabled, related.keyState != .updating {
                warnings.append("The key is not enabled in \(related.region).")
            }
            if !related.policyDifferences.isEmpty {
                warnings.append(
                    "The key policy in \(related.region) differs from the one in this Region.")
            }
            return warnings
        }
        canChange = snapshot.isPrimary
        regions = snapshot.regions.sorted {
            ($0.primary ? 0 : 1, $0.name) < ($1.primary ? 0 : 1, $1.name)
        }
        .map { RegionRow($0, snapshot, replication) }
        regionCount = String(regions.count)
    }
}

/// One Region in the table.
struct RegionRow: Sendable {
    let name, status, tone, lag, behind, portalURL, added: String
    let isPrimary, isHere, isWorking, isRemovable: Bool

    init(
        _ region: CoordinatorRegion, _ snapshot: InstanceSnapshot,
        _ replication: CoordinatorGetReplicationStatusResponse?
    ) {
        name = region.name
        (status, tone) = RegionRow.status(region.status)
        isPrimary = region.primary
        isHere = region.name == snapshot.region
        isWorking = region.status == .adding || region.status == .removing
        isRemovable = !region.primary && region.status == .active
        portalURL = region.portalURL
        added = Display.clock(microseconds: region.addedAtUs)
        let replica = replication?.replicas.first { $0.region == region.name }
        if let replica, replica.connected || replica.problem.isEmpty {
            lag = replica.lagUs < 0 ? "–" : Self.lag(replica.lagUs)
            behind =
                replica.entriesBehind == 0
                ? "up to date" : "\(Display.count(replica.entriesBehind)) entries"
        } else {
            lag = "–"
            behind = replica == nil ? "–" : "not connected"
        }
    }

    static func status(_ status: CoordinatorRegionStatus) -> (String, String) {
        switch status {
        case .active: ("Active", "good")
        case .adding: ("Adding", "warn")
        case .removing: ("Removing", "warn")
        default: ("Unknown", "bad")
        }
    }

    private static func lag(_ microseconds: Int64) -> String {
        microseconds < 1_000 ? "< 1 ms" : Display.duration(milliseconds: microseconds / 1_000)
    }
}
