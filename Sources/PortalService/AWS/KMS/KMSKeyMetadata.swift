import Contracts
import Foundation

/// KeyMetadata of KMS.
struct KMSKeyMetadata: Encodable, Sendable {
    let awsAccountId: String
    let keyId: String
    let arn: String
    let creationDate: Date
    let enabled: Bool
    let description: String
    let keyUsage: String?
    let keyState: String?
    let deletionDate: Date?
    let validTo: Date?
    let origin: String?
    let expirationModel: String?
    /// "AWS" for the keys that the system makes for itself.
    let keyManager: String
    /// The former name of KeySpec.
    let customerMasterKeySpec: String?
    let keySpec: String?
    let encryptionAlgorithms: [String]?
    let signingAlgorithms: [String]?
    let macAlgorithms: [String]?
    let multiRegion: Bool
    let multiRegionConfiguration: MultiRegion?
    let pendingDeletionWindowInDays: UInt32?
    let currentKeyMaterialId: String?

    struct MultiRegion: Encodable, Sendable {
        let multiRegionKeyType: String?
        let primaryKey: RegionalKey
        let replicaKeys: [RegionalKey]
    }

    struct RegionalKey: Encodable, Sendable {
        let arn: String
        let region: String

        init(_ key: KeysRegionalKey) {
            arn = key.arn
            region = key.region
        }
    }

    init(_ key: KeysKeyMetadata) {
        awsAccountId = key.accountID
        keyId = key.keyID
        arn = key.arn
        creationDate = Date(microseconds: key.createdAtUs)
        enabled = key.keyState == .enabled || key.keyState == .updating
        description = key.description_p
        keyUsage = KMSNames.keyUsage.name(key.keyUsage)
        keyState = KMSNames.keyState.name(key.keyState)
        deletionDate = Date(optionalMicroseconds: key.deletionAtUs)
        validTo = Date(optionalMicroseconds: key.validToUs)
        origin = KMSNames.origin.name(key.origin)
        expirationModel = KMSNames.expirationModel.name(key.expirationModel)
        keyManager = key.serviceManaged ? "AWS" : "CUSTOMER"
        keySpec = KMSNames.keySpec.name(key.keySpec)
        customerMasterKeySpec = keySpec
        encryptionAlgorithms = key.keySpec.encryptionAlgorithms(key.keyUsage)
        signingAlgorithms = key.keySpec.signingAlgorithms(key.keyUsage)
        macAlgorithms = key.keySpec.macAlgorithms(key.keyUsage)
        multiRegion = key.multiRegion
        multiRegionConfiguration =
            key.multiRegion
            ? MultiRegion(
                multiRegionKeyType: KMSNames.multiRegionKeyType.name(key.multiRegionKeyType),
                primaryKey: RegionalKey(key.primaryKey),
                replicaKeys: key.replicaKeys.map(RegionalKey.init)) : nil
        pendingDeletionWindowInDays =
            key.keyState == .pendingReplicaDeletion ? key.pendingDeletionWindowDays : nil
        currentKeyMaterialId = key.currentKeyMaterialID.isEmpty ? nil : key.currentKeyMaterialID
    }
}

extension Date {
    /// Nil for 0, which stands for "never" in the contracts.
    init?(optionalMicroseconds microseconds: Int64) {
        guard microseconds != 0 else { return nil }
        self.init(microseconds: microseconds)
    }
}
