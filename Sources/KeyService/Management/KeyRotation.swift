import Contracts
import RPC

/// Making of new material for keys that are there.
extension KeyAdministration {
    /// As KMS allows.
    static let onDemandRotationCountMax = 25
    /// Including what the key began with; a key that has so many is to be replaced.
    static let materialCountMax = 100

    /// The key with new material, which is pending while there are replicas without it.
    ///
    /// - Throws: ConflictException, LimitExceededException, `RPCError` INTERNAL.
    func rotated(_ key: ActiveKey, _ type: KeysRotationType) throws -> StoredKey {
        let stored = key.stored
        guard !stored.hasPendingMaterial else {
            throw RPCError.conflict("The last rotation of \(key.arn) has not reached every Region.")
        }
        guard stored.materials.count < Self.materialCountMax else {
            throw RPCError.limitExceeded("\(key.arn) was rotated as often as is possible.")
        }
        let onDemand = stored.materials.count { $0.rotationType == .onDemand }
        guard type != .onDemand || onDemand < Self.onDemandRotationCountMax else {
            throw RPCError.limitExceeded(
                "A key is rotated on demand at most \(Self.onDemandRotationCountMax) times.")
        }
        do {
            var material = try KeyMaterial.stored(
                KeyMaterial.generate(stored.spec), keyID: stored.keyID, rootKey: rootKey)
            material.rotatedAtMicroseconds = now()
            material.rotationType = type
            material.isPending = !stored.replicaRegions.isEmpty
            return stored.with { $0.materials.append(material) }
        } catch {
            throw error as? RPCError ?? .keysInternal(error)
        }
    }

    /// Rotates a key whose time has come; false when it is not so any more.
    func rotateIfDue(_ keyID: String) async throws -> Bool {
        try await gate.run {
            guard let key = ring[keyID], key.isRotationDue(now()) else { return false }
            let time = now()
            let rotated = try rotated(key, .automatic).with { stored in
                let period = KeyManagementHandler.microseconds(stored.rotation.periodDays)
                stored.rotation.nextAtMicroseconds = max(
                    stored.rotation.nextAtMicroseconds + period, time)
            }
            try await performForService(
                "RotateKey", resource: key.arn,
                details: ["keyId": keyID, "rotationType": "AUTOMATIC"]
            ) { _ = try save(rotated) }
            return true
        }
    }
}

extension ActiveKey {
    /// Whether automatic rotation is to happen. It waits while the key cannot be used.
    func isRotationDue(_ now: Int64) -> Bool {
        let rotation = stored.rotation
        return rotation.isEnabled && rotation.nextAtMicroseconds <= now && stored.state == .enabled
            && (isPrimary || !stored.isMultiRegion) && !stored.hasPendingMaterial
    }
}
