import AccessPolicy
import Contracts
import Foundation
import RPC

extension KeyTransferHandler {
    func synchronizeReplicas(
        _ request: KeysSynchronizeReplicasRequest, context: ServerContext
    ) async throws -> KeysSynchronizeReplicasResponse {
        let region = try sender(context)
        let (isLast, formerReplicas) = try await administration.gate.run {
            () -> (Bool, [String]) in
            guard let key = administration.ring[request.keyID],
                let changed = changed(key, request, from: region)
            else { return (false, []) }
            try await administration.performForService(
                "SynchronizeMultiRegionKey", resource: key.arn,
                details: ["keyId": key.stored.keyID, "region": region]
            ) { _ = try administration.save(changed) }
            let isDeposed = key.isPrimary && changed.primaryRegion != configuration.region
            return (request.replicaDeleted, isDeposed ? key.stored.replicaRegions : [])
        }
        if isLast { synchronizer.markChanged(request.keyID) }
        var response = KeysSynchronizeReplicasResponse()
        note(request, from: region)
        response.formerReplicaRegions = formerReplicas
        if let key = administration.ring[request.keyID] {
            response.policy = key.stored.policy
            response.keyState = key.stored.state
            response.materialIds = key.stored.materials.map { Data($0.id) }
            response.primaryRegion = key.stored.primaryRegion
        }
        return response
    }

    private func note(_ request: KeysSynchronizeReplicasRequest, from region: String) {
        if request.replicaDeleted {
            synchronizer.related.forget(request.keyID, region: region)
        } else if !request.policy.isEmpty, let key = administration.ring[request.keyID],
            key.stored.primaryRegion == region
        {
            synchronizer.related.note(
                request.keyID, region: region,
                .init(
                    state: request.keyState, policy: request.policy,
                    heardAtMicroseconds: administration.now()))
        }
    }

    /// The key after a message about its related keys, or nil when it says nothing new.
    private func changed(
        _ key: ActiveKey, _ request: KeysSynchronizeReplicasRequest, from region: String
    ) -> StoredKey? {
        if request.replicaDeleted { return withoutReplica(key, region) }
        guard key.stored.isMultiRegion, request.primaryRegion == region,
            request.replicaRegions.contains(configuration.region),
            isAuthoritative(key, Int64(clamping: request.primaryEpoch), region)
        else { return nil }
        let changed = key.stored.with { stored in
            stored.primaryRegion = region
            stored.primaryEpoch = Int64(clamping: request.primaryEpoch)
            stored.replicaRegions = request.replicaRegions.sorted()
            if request.hasRotation { stored.rotation = request.rotation.stored }
            let current = [UInt8](request.currentMaterialID)
            if let last = stored.materials.lastIndex(where: { $0.id == current }) {
                for index in 0...last { stored.materials[index].isPending = false }
            }
            if key.isPrimary { stored.stepDown() }
        }
        return changed == key.stored ? nil : changed
    }

    /// Only the primary says which Regions are related; a new one is known by its higher epoch, and
    /// has been a replica before. Of two that have taken over in the same epoch the one whose name
    /// sorts first remains.
    private func isAuthoritative(_ key: ActiveKey, _ epoch: Int64, _ region: String) -> Bool {
        if epoch == key.stored.primaryEpoch {
            return key.stored.primaryRegion == region
                || (key.isPrimary && region < configuration.region
                    && key.stored.replicaRegions.contains(region))
        }
        return epoch > key.stored.primaryEpoch
            && (key.stored.primaryRegion == region || key.stored.replicaRegions.contains(region))
    }

    private func withoutReplica(_ key: ActiveKey, _ region: String) -> StoredKey? {
        guard key.isPrimary, key.stored.replicaRegions.contains(region) else { return nil }
        return key.stored.with { stored in
            stored.replicaRegions.removeAll { $0 == region }
            if stored.replicaRegions.isEmpty, stored.state == .pendingReplicaDeletion {
                stored.state = .pendingDeletion
                stored.deletionAtMicroseconds =
                    administration.now()
                    + KeyManagementHandler.microseconds(stored.pendingWindowDays)
            }
        }
    }

    func promoteReplica(
        _ request: KeysPromoteReplicaRequest, context: ServerContext
    ) async throws -> KeysPromoteReplicaResponse {
        let region = try sender(context)
        let epoch = Int64(clamping: request.primaryEpoch)
        if let key = administration.ring[request.keyID], key.isPrimary,
            key.stored.primaryEpoch >= epoch
        {
            return KeysPromoteReplicaResponse()
        }
        _ = try await administration.perform(
            "UpdatePrimaryRegion", context,
            request: ["keyId": request.keyID, "primaryRegion": configuration.region]
        ) {
            let key = try replica(request.keyID, of: region)
            try authorizePromotion(request, key)
            try key.requireEnabled()
            guard epoch == key.stored.primaryEpoch + 1,
                key.stored.materials.map({ Data($0.id) }) == request.materialIds,
                !key.stored.hasPendingMaterial, request.replicaRegions.contains(region)
            else {
                throw RPCError.invalidState(key.arn, "is not synchronised with its primary yet")
            }
            let changed = key.stored.with { stored in
                stored.primaryRegion = configuration.region
                stored.primaryEpoch = epoch
                stored.replicaRegions = request.replicaRegions.sorted()
                stored.rotation = request.rotation.stored
            }
            return .init(resource: key.arn) { try administration.save(changed) }
        }
        synchronizer.markChanged(request.keyID)
        return KeysPromoteReplicaResponse()
    }

    private func authorizePromotion(
        _ request: KeysPromoteReplicaRequest, _ key: ActiveKey
    ) throws {
        guard !request.principalArn.isEmpty else { return }
        let policies = try RolePolicies.documents()["administrator"].map { [$0] } ?? []
        let caller = administration.callers.caller(
            principalARN: request.principalArn, roleARN: request.roleArn,
            identityPolicies: request.identityPoliciesAllow ? policies : [])
        try administration.authorizer.authorize(
            caller, "kms:UpdatePrimaryRegion", on: key,
            keys: ["kms:primaryregion": [configuration.region]])
    }
}
