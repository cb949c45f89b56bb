import AccessPolicy
import Contracts
import Cryptography
import Foundation
import Logging
import RPC

/// The sending side of ReplicateKey.
struct KeyReplicator: Sendable {
    typealias Peers = @Sendable (_ region: String) throws -> any CallChannel

    private static let timeout = Duration.seconds(10)

    let administration: KeyAdministration
    let synchronizer: ReplicaSynchronizer
    let peers: Peers

    private var configuration: KeyServiceConfiguration { administration.configuration }

    /// Makes a replica in another Region.
    ///
    /// The key stays usable all the while. When this fails on the way, repeating it is safe.
    func replicate(
        _ request: KeysReplicateKeyRequest, _ caller: Caller, _ context: ServerContext
    ) async throws -> KeysReplicateKeyResponse {
        let region = request.replicaRegion
        let (key, policy) = try await administration.perform(
            "ReplicateKey", context,
            request: [
                "keyId": request.keyID, "replicaRegion": region, "policy": request.policy,
                "description": request.description_p,
            ]
        ) {
            let (key, policy) = try check(request, caller)
            return .init(
                resource: key.arn,
                response: [
                    "replicaKeyArn": configuration.arn(keyID: key.stored.keyID, region: region)
                ]
            ) { (key, policy) }
        }
        do {
            let channel = try peers(region)
            let answer = try await transfer(
                key, to: region, policy: policy, request, KeysKeyTransferClient(channel))
            try await join(region, key.stored.keyID)
            var response = KeysReplicateKeyResponse()
            response.replicaKeyMetadata = answer.keyMetadata
            response.replicaPolicy = answer.policy
            return response
        } catch {
            let failure = explained(error, region)
            if failure.reason == "AlreadyExistsException",
                failure.metadata["primary-region"] == configuration.region
            {
                // An earlier attempt went through, but its answer was lost.
                try await join(region, key.stored.keyID)
            }
            await administration.recordFailure("ReplicateKey", context, key.arn, failure)
            throw failure
        }
    }

    private func check(
        _ request: KeysReplicateKeyRequest, _ caller: Caller
    ) throws -> (ActiveKey, String) {
        let region = request.replicaRegion
        let key = try administration.ring.key(request.keyID, .exact, allowsAlias: false)
        return try administration.meter.metered("ReplicateKey", key, caller) {
            try administration.authorizer.authorize(
                caller, "kms:ReplicateKey", on: key, keys: ["kms:replicaregion": [region]])
            guard key.stored.isMultiRegion else {
                throw RPCError.unsupported("\(key.arn) is a key of a single Region.")
            }
            guard key.isPrimary else {
                throw RPCError.unsupported(
                    "\(key.arn) is a replica; ask for it in \(key.stored.primaryRegion).")
            }
            try key.requireEnabled()
            guard !region.isEmpty, region != configuration.region else {
                throw RPCError.validation("The replica's Region is to be another Region.")
            }
            let arn = configuration.arn(keyID: key.stored.keyID, region: region)
            guard !key.stored.replicaRegions.contains(region) else {
                throw RPCError.alreadyExists("\(arn) exists already.")
            }
            guard request.description_p.utf8.count <= KeyManagementHandler.descriptionByteCountMax
            else { throw RPCError.validation("The description is too long.") }
            let policy =
                key.stored.isServiceManaged
                ? ServiceKeyPolicy.document(account: configuration.accountID)
                : try administration.policy(
                    request.policy, for: arn, caller,
                    bypassesLockoutCheck: request.bypassPolicyLockoutSafetyCheck)
            return (key, policy)
        }
    }

    private func transfer(
        _ key: ActiveKey, to region: String, policy: String, _ request: KeysReplicateKeyRequest,
        _ client: KeysKeyTransferClient
    ) async throws -> KeysImportReplicaResponse {
        let options = CallOptions(timeout: Self.timeout)
        var offerRequest = KeysOfferTransferRequest()
        offerRequest.keyID = key.stored.keyID
        offerRequest.sourceRegion = configuration.region
        let offer = try await client.offerTransfer(offerRequest, options: options)
        let own = try X25519PrivateKey()
        let receiver = [UInt8](offer.receiverPublicKey)
        let envelope = try TransferEnvelope(
            own, peer: receiver,
            .init(
                transferID: offer.transferID, keyID: key.stored.keyID,
                sourceRegion: configuration.region, destinationRegion: region,
                senderPublicKey: own.publicKey, receiverPublicKey: receiver))
        var importRequest = KeysImportReplicaRequest()
        importRequest.transferID = offer.transferID
        importRequest.senderPublicKey = Data(own.publicKey)
        importRequest.policy = policy
        importRequest.description_p = request.description_p
        importRequest.bypassPolicyLockoutSafetyCheck = request.bypassPolicyLockoutSafetyCheck
        try envelope.seal(transferred(key, to: region, envelope), into: &importRequest)
        return try await client.importReplica(importRequest, options: options)
    }

    private func transferred(
        _ key: ActiveKey, to region: String, _ envelope: TransferEnvelope
    ) throws -> KeysTransferredKey {
        var transferred = KeysTransferredKey()
        transferred.keyID = key.stored.keyID
        transferred.accountID = configuration.accountID
        transferred.keySpec = key.stored.spec
        transferred.keyUsage = key.stored.usage
        transferred.primaryRegion = configuration.region
        transferred.replicaRegions = (key.stored.replicaRegions + [region]).sorted()
        transferred.serviceManaged = key.stored.isServiceManaged
        transferred.createdAtUs = key.stored.createdAtMicroseconds
        transferred.materials = try key.materials().enumerated().map {
            try envelope.sealMaterial($0.element, index: $0.offset)
        }
        return transferred
    }

    /// Enters a Region into the list of replicas, here and then in the other Regions.
    private func join(_ region: String, _ keyID: String) async throws {
        try await administration.gate.run {
            guard let key = administration.ring[keyID],
                !key.stored.replicaRegions.contains(region)
            else { return }
            try administration.save(
                key.stored.with { $0.replicaRegions = ($0.replicaRegions + [region]).sorted() })
        }
        synchronizer.markChanged(keyID)
        await synchronizer.synchronize()
    }

    /// What the caller learns when the other Region did not answer as hoped.
    private func explained(_ error: any Error, _ region: String) -> RPCError {
        guard let error = error as? RPCError else { return .keysInternal(error) }
        switch error.code {
        case .unavailable, .deadlineExceeded:
            return RPCError(
                .unavailable, reason: "REGION_UNREACHABLE",
                message: "The keys service of \(region) did not make the replica: \(error.message) "
                    + "Check that it runs and can be reached, then call ReplicateKey again.",
                metadata: ["region": region], cause: error)
        default: return error
        }
    }
}

extension KeyManagementHandler {
    func replicateKey(
        _ request: KeysReplicateKeyRequest, context: ServerContext
    ) async throws -> KeysReplicateKeyResponse {
        try await replicator.replicate(request, caller(context), context)
    }
}
