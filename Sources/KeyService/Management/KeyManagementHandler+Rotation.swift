import AccessPolicy
import Contracts
import RPC

extension KeyManagementHandler {
    func enableKeyRotation(
        _ request: KeysEnableKeyRotationRequest, context: ServerContext
    ) async throws -> KeysEnableKeyRotationResponse {
        let days =
            request.rotationPeriodDays == 0
            ? StoredKey.Rotation.defaultPeriodDays : Int(request.rotationPeriodDays)
        let key = try await change(
            "EnableKeyRotation", request.keyID, context, request: ["rotationPeriodInDays": days],
            keys: ["kms:rotationperiodindays": [String(days)]]
        ) { key in
            guard (90...2560).contains(days) else {
                throw RPCError.validation("The rotation period is 90 to 2560 days.")
            }
            try key.requireRotatable("EnableKeyRotation")
            return key.stored.with { stored in
                let isSame = stored.rotation.isEnabled && stored.rotation.periodDays == days
                guard !isSame else { return }
                stored.rotation = StoredKey.Rotation(
                    isEnabled: true, periodDays: days,
                    nextAtMicroseconds: administration.now() + Self.microseconds(days))
            }
        }
        await synchronize(key)
        return KeysEnableKeyRotationResponse()
    }

    func disableKeyRotation(
        _ request: KeysDisableKeyRotationRequest, context: ServerContext
    ) async throws -> KeysDisableKeyRotationResponse {
        let key = try await change("DisableKeyRotation", request.keyID, context) { key in
            try key.requireRotatable("DisableKeyRotation")
            return key.stored.with { stored in
                stored.rotation.isEnabled = false
                stored.rotation.nextAtMicroseconds = 0
            }
        }
        await synchronize(key)
        return KeysDisableKeyRotationResponse()
    }

    func rotateKeyOnDemand(
        _ request: KeysRotateKeyOnDemandRequest, context: ServerContext
    ) async throws -> KeysRotateKeyOnDemandResponse {
        let key = try await change("RotateKeyOnDemand", request.keyID, context) { key in
            try key.requireRotatable("RotateKeyOnDemand")
            return try administration.rotated(key, .onDemand)
        }
        await synchronize(key)
        var response = KeysRotateKeyOnDemandResponse()
        response.keyID = key.arn
        return response
    }

    func getKeyRotationStatus(
        _ request: KeysGetKeyRotationStatusRequest, context: ServerContext
    ) async throws -> KeysGetKeyRotationStatusResponse {
        try read("GetKeyRotationStatus", request.keyID, context) { key in
            var response = KeysGetKeyRotationStatusResponse()
            response.keyID = key.arn
            response.rotationEnabled = key.stored.rotation.isEnabled
            guard key.stored.spec == .symmetricDefault else { return response }
            response.rotationPeriodDays = UInt32(key.stored.rotation.periodDays)
            response.nextRotationAtUs = key.stored.rotation.nextAtMicroseconds
            response.onDemandRotationStartedAtUs =
                key.stored.materials.first { $0.isPending && $0.rotationType == .onDemand }?
                .rotatedAtMicroseconds ?? 0
            return response
        }
    }

    func listKeyRotations(
        _ request: KeysListKeyRotationsRequest, context: ServerContext
    ) async throws -> KeysListKeyRotationsResponse {
        try read("ListKeyRotations", request.keyID, context) { key in
            guard key.stored.spec == .symmetricDefault else {
                throw RPCError.unsupported("\(key.arn) is not a symmetric key.")
            }
            let all = key.stored.materials.enumerated().filter { _, material in
                request.includeKeyMaterial
                    || material.rotationType != .unspecified && !material.isPending
            }
            // Oldest first: names of one length that sort as the numbers do.
            let page = try Page(all, size: request.pageSize, token: request.pageToken) {
                String(1000 + $0.offset)
            }
            var response = KeysListKeyRotationsResponse()
            response.rotations = page.items.map { Self.rotation($0.element, of: key) }
            response.nextPageToken = page.nextToken
            return response
        }
    }

    private static func rotation(
        _ material: StoredKey.Material, of key: ActiveKey
    ) -> KeysListKeyRotationsResponse.Rotation {
        var rotation = KeysListKeyRotationsResponse.Rotation()
        rotation.keyID = key.arn
        rotation.keyMaterialID = KeyMaterial.name(material.id)
        rotation.rotatedAtUs = material.rotatedAtMicroseconds
        rotation.rotationType = material.rotationType
        rotation.current = material.id == key.stored.currentMaterial?.id
        rotation.pending = material.isPending
        guard key.stored.isImported else { return rotation }
        rotation.imported = material.isPresent
        rotation.expirationModel = material.expirationModel
        rotation.validToUs = material.validToMicroseconds
        rotation.keyMaterialDescription = material.description
        return rotation
    }

    /// Tells the replicas at once; who cannot be reached learns of it later.
    private func synchronize(_ key: ActiveKey) async {
        guard key.isPrimary, !key.stored.replicaRegions.isEmpty else { return }
        replicator.synchronizer.markChanged(key.stored.keyID)
        await replicator.synchronizer.synchronize()
    }

    /// Reads something of one key: authorised and counted.
    func read<Value>(
        _ operation: String, _ keyID: String, _ context: ServerContext,
        _ body: (ActiveKey) throws -> Value
    ) throws -> Value {
        let caller = try caller(context)
        let key = try ring.key(keyID, .exact, allowsAlias: false)
        return try meter.metered(operation, key, caller) {
            try authorizer.authorize(caller, PolicyAction("kms:\(operation)"), on: key)
            return try body(key)
        }
    }
}
