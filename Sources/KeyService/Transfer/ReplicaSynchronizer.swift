import Contracts
import Foundation
import Logging
import RPC
import Synchronization

/// Tells related keys in other Regions what changed: the list of replicas, rotation and its
/// material, or that a replica is gone.
///
/// New material is activated here, once every replica has said that it has it.
/// What could not be delivered stays and is tried again by the next call.
final class ReplicaSynchronizer: Sendable {
    private struct Outstanding {
        /// Primary keys whose list is to be sent.
        var changed: Set<String>
        var departures: [KeyStore.Departure]
    }

    private static let timeout = Duration.seconds(5)

    /// What the other Regions said.
    let related = RelatedKeyBook()
    private let administration: KeyAdministration
    private let sender: KeySender
    private let outstanding: Mutex<Outstanding>

    /// At start-up every list is sent once, since the last run may have ended before it was.
    init(
        administration: KeyAdministration, sender: KeySender, departures: [KeyStore.Departure]
    ) {
        self.administration = administration
        self.sender = sender
        let primaries = administration.ring.keys.filter {
            $0.isPrimary && !$0.stored.replicaRegions.isEmpty
        }
        outstanding = Mutex(
            Outstanding(changed: Set(primaries.map(\.stored.keyID)), departures: departures))
    }

    /// All primary keys, so that their Regions are heard of again.
    func markAll() {
        for key in administration.ring.keys
        where key.isPrimary && !key.stored.replicaRegions.isEmpty {
            markChanged(key.stored.keyID)
        }
    }

    /// A key about which others should know, if it is the primary.
    func markChanged(_ keyID: String) {
        outstanding.withLock { _ = $0.changed.insert(keyID) }
    }

    func noteDeparture(_ departure: KeyStore.Departure) {
        outstanding.withLock { $0.departures.append(departure) }
    }

    /// Whether everything was delivered.
    var isDone: Bool {
        outstanding.withLock { $0.changed.isEmpty && $0.departures.isEmpty }
    }

    /// Sends what is outstanding. A Region that does not answer is left alone for the rest of the
    /// call.
    func synchronize() async {
        let (changed, departures) = outstanding.withLock { ($0.changed, $0.departures) }
        var unreachable: Set<String> = []
        for departure in departures { await tell(departure, &unreachable) }
        for keyID in changed.sorted() {
            guard await synchronize(keyID, &unreachable) else { continue }
            // Everybody has the new material now, and learns that it is in use.
            if await activate(keyID) { _ = await synchronize(keyID, &unreachable) }
        }
    }

    private func tell(_ departure: KeyStore.Departure, _ unreachable: inout Set<String>) async {
        var request = KeysSynchronizeReplicasRequest()
        request.keyID = departure.keyID
        request.replicaDeleted = true
        guard let answer = await send(request, to: departure.primaryRegion, &unreachable) else {
            return
        }
        // The primary may have moved since.
        if !answer.primaryRegion.isEmpty, answer.primaryRegion != departure.primaryRegion,
            answer.primaryRegion != administration.configuration.region,
            await send(request, to: answer.primaryRegion, &unreachable) == nil
        {
            return
        }
        if (try? administration.store.forget(departure)) != nil {
            outstanding.withLock { $0.departures.removeAll { $0 == departure } }
        }
    }

    /// Brings all replicas of a key up to date; false, and noted for later, when one is not.
    private func synchronize(_ keyID: String, _ unreachable: inout Set<String>) async -> Bool {
        // Taken out before it is read, so that a change in between is not lost.
        outstanding.withLock { _ = $0.changed.remove(keyID) }
        guard let key = administration.ring[keyID], key.isPrimary else { return false }
        var isDone = true
        for region in key.stored.replicaRegions {
            let isThere = await bringUpToDate(key, region, &unreachable)
            isDone = isDone && isThere
        }
        if !isDone { markChanged(keyID) }
        return isDone
    }

    private func bringUpToDate(
        _ key: ActiveKey, _ region: String, _ unreachable: inout Set<String>
    ) async -> Bool {
        var request = KeysSynchronizeReplicasRequest()
        request.keyID = key.stored.keyID
        request.primaryRegion = administration.configuration.region
        request.primaryEpoch = UInt64(key.stored.primaryEpoch)
        request.replicaRegions = key.stored.replicaRegions
        request.rotation = KeysKeyRotation(key.stored.rotation)
        request.currentMaterialID = Data(key.stored.currentMaterial?.id ?? [])
        request.policy = key.stored.policy
        request.keyState = key.stored.state
        request.origin = key.stored.origin
        guard let answer = await send(request, to: region, &unreachable) else { return false }
        if !answer.policy.isEmpty {
            related.note(
                key.stored.keyID, region: region,
                .init(
                    state: answer.keyState, policy: answer.policy,
                    heardAtMicroseconds: administration.now()))
        }
        await adopt(answer.formerReplicaRegions, of: key.stored.keyID)
        let there = Set(answer.materialIds.map { [UInt8]($0) })
        // A replica without any material is gone, and will say so.
        guard !there.isEmpty, !key.stored.isImported,
            !key.stored.materials.allSatisfy({ there.contains($0.id) })
        else {
            return true
        }
        do {
            try await administration.performForService(
                "SynchronizeMultiRegionKey", resource: key.arn,
                details: ["keyId": key.stored.keyID, "replicaRegion": region]
            ) {}
            _ = try await sender.send(
                key, to: region, replicas: key.stored.replicaRegions, isUpdate: true)
            return true
        } catch {
            note(error, region, &unreachable)
            return false
        }
    }

    /// Takes over the Regions that a former primary has replicated to and that are not known here.
    private func adopt(_ regions: [String], of keyID: String) async {
        guard !regions.isEmpty else { return }
        do {
            try await administration.gate.run { [self] in
                guard let key = administration.ring[keyID], key.isPrimary else { return }
                let known = Set(key.stored.replicaRegions)
                let news = regions.prefix(64).filter {
                    !known.contains($0) && $0 != administration.configuration.region
                }
                guard !news.isEmpty else { return }
                try administration.save(
                    key.stored.with { stored in
                        stored.replicaRegions = (stored.replicaRegions + news).sorted()
                    })
                markChanged(keyID)
            }
        } catch {
            administration.logger.warning(
                "replicas of a former primary key were not taken over",
                metadata: ["key": "\(keyID)", "error": "\(error)"])
        }
    }

    /// Begins to use new material that every replica has. True when there was such material.
    private func activate(_ keyID: String) async -> Bool {
        guard let before = administration.ring[keyID], before.stored.hasPendingMaterial else {
            return false
        }
        do {
            return try await administration.gate.run { [self] in
                guard let key = administration.ring[keyID], key.isPrimary,
                    key.stored.hasPendingMaterial,
                    key.stored.materials.map(\.id) == before.stored.materials.map(\.id),
                    Set(key.stored.replicaRegions).isSubset(of: before.stored.replicaRegions)
                else {
                    markChanged(keyID)
                    return false
                }
                try await administration.performForService(
                    "RotateKey", resource: key.arn, details: ["keyId": keyID]
                ) {
                    _ = try self.administration.save(
                        key.stored.with { stored in
                            for index in stored.materials.indices {
                                stored.materials[index].isPending = false
                            }
                        })
                }
                return true
            }
        } catch {
            markChanged(keyID)
            return false
        }
    }

    private func send(
        _ request: KeysSynchronizeReplicasRequest, to region: String,
        _ unreachable: inout Set<String>
    ) async -> KeysSynchronizeReplicasResponse? {
        guard !unreachable.contains(region) else { return nil }
        do {
            return try await KeysKeyTransferClient(sender.peers(region)).synchronizeReplicas(
                request, options: CallOptions(timeout: Self.timeout))
        } catch {
            note(error, region, &unreachable)
            return nil
        }
    }

    private func note(_ error: any Error, _ region: String, _ unreachable: inout Set<String>) {
        administration.logger.debug(
            "related keys were not synchronised",
            metadata: ["region": "\(region)", "error": "\(error)"])
        unreachable.insert(region)
    }
}
