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

    var configuration: KeyServiceConfiguration { administration.configuration }

    func offerTransfer(
        _ request: KeysOfferTransferRequest, context: ServerContext
    ) async throws -> KeysOfferTransferResponse {
        let region = try sender(context)
        guard request.sourceRegion == region, KeyID.isMultiRegion(request.keyID) else {
            throw RPCError.validation("The offer is for a multi-Region key of the sender's Region.")
        }
        if request.update {
            _ = try replica(request.keyID, of: region)
        } else {
            try requireAbsent(request.keyID)
        }
        let (transferID, offer) = try offers.make(
            keyID: request.keyID, sourceRegion: region, isUpdate: request.update)
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
        let key =
            try await offer.isUpdate
            ? update(request, offer) : create(request, offer, context)
        var response = KeysImportReplicaResponse()
        response.keyMetadata = key.metadata(configuration)
        response.policy = key.stored.policy
        return response
    }

    private func create(
        _ request: KeysImportReplicaRequest, _ offer: TransferOffers.Offer,
        _ context: ServerContext
    ) async throws -> ActiveKey {
        try await administration.perform(
            "CreateKey", context,
            request: [
                "keyId": offer.keyID, "multiRegion": true, "primaryRegion": offer.sourceRegion,
                "policy": request.policy, "description": request.description_p,
            ]
        ) {
            try requireAbsent(offer.keyID)
            let stored = try opened(request, offer)
            try authorizeCreation(stored, request)
            return .init(
                resource: configuration.arn(keyID: stored.keyID, region: configuration.region),
                response: ["keyId": stored.keyID]
            ) {
                try administration.insert(stored)
            }
        }
    }

    /// Whoever asked for the replica must be allowed to make keys here, as this Region knows them.
    private func authorizeCreation(
        _ stored: StoredKey, _ request: KeysImportReplicaRequest
    ) throws {
        guard !stored.isServiceManaged else { return }
        let caller = try administration.callers.caller(asking: request)
        var keys: PolicyContext.Layer = [
            "kms:keyspec": [stored.spec.kmsName], "kms:keyusage": [stored.usage.kmsName],
            "kms:keyorigin": [stored.origin.kmsName], "kms:multiregion": ["true"],
            "kms:multiregionkeytype": ["REPLICA"],
            "kms:bypasspolicylockoutsafetycheck": [
                String(request.bypassPolicyLockoutSafetyCheck)
            ],
        ]
        if !stored.tags.isEmpty { keys["aws:tagkeys"] = stored.tags.keys.sorted() }
        for (name, value) in stored.tags { keys["aws:requesttag/\(name.lowercased())"] = [value] }
        let resource = configuration.arn(keyID: "*", region: configuration.region)
        for action in ["kms:CreateKey"] + (stored.tags.isEmpty ? [] : ["kms:TagResource"]) {
            try administration.authorizer.authorizeIdentity(
                caller, PolicyAction(action), resource: resource, keys: keys)
        }
    }

    /// Adds the material that the replica lacks. It is not used before the primary says so.
    private func update(
        _ request: KeysImportReplicaRequest, _ offer: TransferOffers.Offer
    ) async throws -> ActiveKey {
        try await administration.gate.run {
            let key = try replica(offer.keyID, of: offer.sourceRegion)
            let sent = try opened(request, offer).materials
            let count = key.stored.materials.count
            guard sent.count >= count,
                zip(sent, key.stored.materials).allSatisfy({ $0.id == $1.id })
            else {
                throw RPCError.validation("The material sent does not continue the replica's.")
            }
            return try await administration.performForService(
                "SynchronizeMultiRegionKey", resource: key.arn,
                details: ["keyId": offer.keyID, "region": offer.sourceRegion]
            ) {
                try administration.save(
                    key.stored.with { stored in
                        stored.materials += sent[count...].map { material in
                            var material = material
                            material.isPending = true
                            return material
                        }
                    })
            }
        }
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
                (1...Self.materialCountMax).contains(
                    transferred.materials.count + transferred.importedMaterialIds.count),
                (transferred.origin == .external) == transferred.materials.isEmpty
            else {
                throw RPCError.validation("The transferred key is not the one that was offered.")
            }
            if transferred.origin == .external {
                let ids = transferred.importedMaterialIds.map {
                    StoredKey.Material(id: [UInt8]($0), wrapped: [])
                }
                return try stored(transferred, ids, request)
            }
            let details = transferred.materialDetails
            let materials = try transferred.materials.enumerated().map { index, sealed in
                let material = try envelope.openMaterial(sealed, index: index)
                guard KeyMaterial.check(material, transferred.keySpec) else {
                    throw RPCError.validation("The transferred material does not fit the key spec.")
                }
                var stored = try KeyMaterial.stored(
                    material, keyID: offer.keyID, rootKey: administration.rootKey)
                if details.indices.contains(index) {
                    stored.rotatedAtMicroseconds = details[index].rotatedAtUs
                    stored.rotationType = details[index].rotationType
                    stored.isPending = details[index].pending
                }
                return stored
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
            state: transferred.origin == .external ? .pendingImport : .enabled,
            deletionAtMicroseconds: 0, pendingWindowDays: 0, policy: policy,
            materials: materials, rotation: transferred.rotation.stored,
            primaryEpoch: Int64(clamping: transferred.primaryEpoch),
            tags: try KeyTags.checked(request.tags),
            origin: transferred.origin == .external ? .external : .awsKms)
    }

    /// The replica of a primary in a Region.
    func replica(_ keyID: String, of region: String) throws -> ActiveKey {
        guard let key = administration.ring[keyID], key.stored.isMultiRegion, !key.isPrimary,
            key.stored.primaryRegion == region
        else {
            throw RPCError.keyNotFound(keyID)
        }
        return key
    }

    private func requireAbsent(_ keyID: String) throws {
        guard let key = administration.ring[keyID] else { return }
        throw RPCError.alreadyExists(
            "\(key.arn) exists already.", metadata: ["primary-region": key.stored.primaryRegion])
    }

    /// The Region of the keys service that calls. Its own Region has nothing to transfer.
    func sender(_ context: ServerContext) throws -> String {
        guard case .service("keys", let region) = context.peer, region != configuration.region
        else {
            throw RPCError(
                .permissionDenied, reason: "AccessDeniedException",
                message: "Only keys services of other Regions transfer keys.")
        }
        return region
    }
}
