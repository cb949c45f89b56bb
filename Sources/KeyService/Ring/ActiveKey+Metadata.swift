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
