import Contracts

extension ActiveKey {
    /// What DescribeKey says.
    func metadata(_ configuration: KeyServiceConfiguration) -> KeysKeyMetadata {
        var metadata = KeysKeyMetadata()
        metadata.keyID = stored.keyID
        metadata.arn = arn
        metadata.accountID = configuration.accountID
        metadata.createdAtUs = stored.createdAtMicroseconds
        metadata.description_p = stored.description
        metadata.keySpec = stored.spec
        metadata.keyUsage = stored.usage
        metadata.keyState = stored.state
        metadata.deletionAtUs = stored.deletionAtMicroseconds
        metadata.multiRegion = stored.isMultiRegion
        metadata.serviceManaged = stored.isServiceManaged
        metadata.origin = stored.origin
        if stored.isImported, let material = stored.materials.last, material.isPresent {
            metadata.expirationModel = material.expirationModel
            metadata.validToUs = material.validToMicroseconds
        }
        metadata.pendingDeletionWindowDays = UInt32(stored.pendingWindowDays)
        if stored.spec == .symmetricDefault, let material = stored.currentMaterial,
            material.isPresent
        {
            metadata.currentKeyMaterialID = KeyMaterial.name(material.id)
        }
        guard stored.isMultiRegion else { return metadata }
        metadata.multiRegionKeyType = isPrimary ? .primary : .replica
        metadata.primaryKey = regional(stored.primaryRegion, configuration)
        metadata.replicaKeys = stored.replicaRegions.map { regional($0, configuration) }
        return metadata
    }

    private func regional(
        _ region: String, _ configuration: KeyServiceConfiguration
    ) -> KeysRegionalKey {
        var key = KeysRegionalKey()
        key.region = region
        key.arn = configuration.arn(keyID: stored.keyID, region: region)
        return key
    }
}
