import Contracts
import Cryptography
import Foundation
import RPC

/// Sends keys, or material that a replica lacks, to the keys service of another Region.
struct KeySender: Sendable {
    typealias Peers = @Sendable (_ region: String) throws -> any CallChannel

    static let timeout = Duration.seconds(10)

    let configuration: KeyServiceConfiguration
    let peers: Peers

    /// Sends a key with all its material, wrapped for one fresh key of the receiver.
    ///
    /// - Parameters:
    ///   - isUpdate: the replica is there and gets only what it lacks.
    ///   - fill: puts in the replica's own properties.
    func send(
        _ key: ActiveKey, to region: String, replicas: [String], isUpdate: Bool = false,
        fill: (inout KeysImportReplicaRequest) -> Void = { _ in }
    ) async throws -> KeysImportReplicaResponse {
        let client = KeysKeyTransferClient(try peers(region))
        let options = CallOptions(timeout: Self.timeout)
        var offerRequest = KeysOfferTransferRequest()
        offerRequest.keyID = key.stored.keyID
        offerRequest.sourceRegion = configuration.region
        offerRequest.update = isUpdate
        let offer = try await client.offerTransfer(offerRequest, options: options)
        let own = try P256AgreementKey()
        let receiver = [UInt8](offer.receiverPublicKey)
        let envelope = try TransferEnvelope(
            own, peer: receiver,
            .init(
                transferID: offer.transferID, keyID: key.stored.keyID,
                sourceRegion: configuration.region, destinationRegion: region,
                senderPublicKey: own.publicKey, receiverPublicKey: receiver))
        var request = KeysImportReplicaRequest()
        request.transferID = offer.transferID
        request.senderPublicKey = Data(own.publicKey)
        fill(&request)
        try envelope.seal(transferred(key, replicas, envelope), into: &request)
        return try await client.importReplica(request, options: options)
    }

    private func transferred(
        _ key: ActiveKey, _ replicas: [String], _ envelope: TransferEnvelope
    ) throws -> KeysTransferredKey {
        var transferred = KeysTransferredKey()
        transferred.keyID = key.stored.keyID
        transferred.accountID = configuration.accountID
        transferred.keySpec = key.stored.spec
        transferred.keyUsage = key.stored.usage
        transferred.primaryRegion = configuration.region
        transferred.primaryEpoch = UInt64(key.stored.primaryEpoch)
        transferred.replicaRegions = replicas
        transferred.serviceManaged = key.stored.isServiceManaged
        transferred.createdAtUs = key.stored.createdAtMicroseconds
        transferred.rotation = KeysKeyRotation(key.stored.rotation)
        transferred.origin = key.stored.origin
        guard !key.stored.isImported else {
            // Whoever imported the material brings it to each Region.
            transferred.importedMaterialIds = key.stored.materials.map { Data($0.id) }
            return transferred
        }
        transferred.materials = try key.materials().enumerated().map {
            try envelope.sealMaterial($0.element, index: $0.offset)
        }
        transferred.materialDetails = key.stored.materials.map { material in
            var details = KeysTransferredKey.MaterialDetails()
            details.rotatedAtUs = material.rotatedAtMicroseconds
            details.rotationType = material.rotationType
            details.pending = material.isPending
            return details
        }
        return transferred
    }

    /// What the caller learns when the other Region did not answer as hoped.
    func explained(_ error: any Error, _ region: String, _ operation: String) -> RPCError {
        guard let error = error as? RPCError else { return .keysInternal(error) }
        switch error.code {
        case .unavailable, .deadlineExceeded:
            return RPCError(
                .unavailable, reason: "REGION_UNREACHABLE",
                message: "The keys service of \(region) did not do its part: \(error.message) "
                    + "Check that it runs and can be reached, then call \(operation) again.",
                metadata: ["region": region], cause: error)
        default: return error
        }
    }
}

extension KeysKeyRotation {
    init(_ rotation: StoredKey.Rotation) {
        self.init()
        enabled = rotation.isEnabled
        periodDays = UInt32(rotation.periodDays)
        nextRotationAtUs = rotation.nextAtMicroseconds
    }

    /// As it is stored; what a sender without rotation says counts as off.
    var stored: StoredKey.Rotation {
        StoredKey.Rotation(
            isEnabled: enabled,
            periodDays: periodDays == 0
                ? StoredKey.Rotation.defaultPeriodDays : Int(min(periodDays, 2560)),
            nextAtMicroseconds: nextRotationAtUs)
    }
}
