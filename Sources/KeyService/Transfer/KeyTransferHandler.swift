import AccessPolicy
import Contracts
import Cryptography
import Foundation
import RPC

/// The receiving side of ReplicateKey, for the keys services of other Regions only.
struct KeyTransferHandler: KeysKeyTransferHandler {
    private static let materialCountMax = 100

    let administration: KeyAdministration
    let offers: TransferOffers
    let synchronizer: ReplicaSynchronizer

    private var configuration: KeyServiceConfiguration { administration.configuration }

    func offerTransfer(
        _ request: KeysOfferTransferRequest, context: ServerContext
    ) async throws -> KeysOfferTransferResponse {
        let region = try sender(context)
        guard request.sourceRegion == region, KeyID.isMultiRegion(request.keyID) else {
            throw RPCError.validation("The offer is for a multi-Region key of the sender's Region.")
        }
        try requireAbsent(request.keyID)
        let (transferID, offer) = try offers.make(keyID: request.keyID, sourceRegion: region)
        var response = KeysOfferTransferResponse()
        response.transferID = transferID
        response.receiverPublicKey = Data(offer.privateKey.publicKey)
        return response
    }

    func importReplica(
        _ request: KeysImportReplicaRequest, context: ServerContext
    ) async throws -> KeysImportReplicaResponse {
        let region = try sender(context)
        let offer = try offers.take(request.transferID, sourceRegion: region)
        let key = try await administration.perform(
            "CreateKey", context,
            request: [
                "keyId": offer.keyID, "multiRegion": true, "primaryRegion": region,
                "policy": request.policy, "description": request.description_p,
            ]
        ) {
            try requireAbsent(offer.keyID)
            let stored = try opened(request, offer)
            return .init(
                resource: configuration.arn(keyID: stored.keyID, region: configuration.region),
                response: ["keyId": stored.keyID]
            ) {
                try administration.insert(stored)
            }
        }
        var response = KeysImportReplicaResponse()
        response.keyMetadata = key.metadata(configuration)
        response.policy = key.stored.policy
        return response
    }

    func synchronizeReplicas(
        _ request: KeysSynchronizeReplicasRequest, context: ServerContext
    ) async throws -> KeysSynchronizeReplicasResponse {
        let region = try sender(context)
        let isLast = try await administration.gate.run {
            guard let key = administration.ring[request.keyID],
                let changed = changed(key, request, from: region)
            else { return false }
            try await administration.performForService(
                "SynchronizeMultiRegionKey", resource: key.arn,
                details: ["keyId": key.stored.keyID, "region": region]
            ) { _ = try administration.save(changed) }
            return request.replicaDeleted
        }
        if isLast { synchronizer.markChanged(request.keyID) }
        return KeysSynchronizeReplicasResponse()
    }

    /// The key after a message about its related keys, or nil when it says nothing new.
    private func changed(
        _ key: ActiveKey, _ request: KeysSynchronizeReplicasRequest, from region: String
    ) -> StoredKey? {
        if request.replicaDeleted {
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
        // Only the primary says which Regions are related.
        guard key.stored.isMultiRegion, !key.isPrimary, key.stored.primaryRegion == region,
            request.primaryRegion == region, request.replicaRegions.contains(configuration.region)
        else { return nil }
        let changed = key.stored.with { $0.replicaRegions = request.replicaRegions.sorted() }
        return changed == key.stored ? nil : changed
    }

    private func opened(
        _ request: KeysImportReplicaRequest, _ offer: TransferOffers.Offer
    ) throws -> StoredKey {
        do {
            let sender = [UInt8](request.senderPublicKey)
            let envelope = try TransferEnvelope(
                offer.privateKey, peer: sender,
                .init(
                    transferID: request.transferID, keyID: offer.keyID,
                    sourceRegion: offer.sourceRegion, destinationRegion: configuration.region,
                    senderPublicKey: sender, receiverPublicKey: offer.privateKey.publicKey))
            let transferred = try envelope.open(request)
            guard transferred.keyID == offer.keyID,
                transferred.accountID == configuration.accountID,
                transferred.primaryRegion == offer.sourceRegion,
                transferred.replicaRegions.contains(configuration.region),
                (1...Self.materialCountMax).contains(transferred.materials.count)
            else {
                throw RPCError.validation("The transferred key is not the one that was offered.")
            }
            let materials = try transferred.materials.enumerated().map { index, sealed in
                let material = try envelope.openMaterial(sealed, index: index)
                guard KeyMaterial.check(material, transferred.keySpec) else {
                    throw RPCError.validation("The transferred material does not fit the key spec.")
                }
                return try KeyMaterial.stored(
                    material, keyID: offer.keyID, rootKey: administration.rootKey)
            }
            return try stored(transferred, materials, request)
        } catch let error as RPCError {
            throw error
        } catch let error as PolicyError {
            throw RPCError.malformedPolicy("The policy is malformed. \(error)")
        } catch {
            throw RPCError(
                .invalidArgument, reason: "TRANSFER_NOT_GENUINE",
                message: "The transferred key cannot be opened; call ReplicateKey again.",
                cause: error)
        }
    }

    private func stored(
        _ transferred: KeysTransferredKey, _ materials: [StoredKey.Material],
        _ request: KeysImportReplicaRequest
    ) throws -> StoredKey {
        let account = configuration.accountID
        let policy: String
        if transferred.serviceManaged {
            policy = ServiceKeyPolicy.document(account: account)
        } else if request.policy.isEmpty {
            policy = try DefaultKeyPolicy.document(account: account)
        } else {
            policy = request.policy
        }
        _ = try PolicyDocument(json: policy)
        return StoredKey(
            keyID: transferred.keyID, createdAtMicroseconds: administration.now(),
            spec: transferred.keySpec, usage: transferred.keyUsage, isMultiRegion: true,
            isServiceManaged: transferred.serviceManaged, primaryRegion: transferred.primaryRegion,
            replicaRegions: transferred.replicaRegions.sorted(), description: request.description_p,
            state: .enabled, deletionAtMicroseconds: 0, pendingWindowDays: 0, policy: policy,
            materials: materials)
    }

    private func requireAbsent(_ keyID: String) throws {
        guard let key = administration.ring[keyID] else { return }
        throw RPCError.alreadyExists(
            "\(key.arn) exists already.", metadata: ["primary-region": key.stored.primaryRegion])
    }

    /// The Region of the keys service that calls. Its own Region has nothing to transfer.
    private func sender(_ context: ServerContext) throws -> String {
        guard case .service("keys", let region) = context.peer, region != configuration.region
        else {
            throw RPCError(
                .permissionDenied, reason: "AccessDeniedException",
                message: "Only keys services of other Regions transfer keys.")
        }
        return region
    }
}
