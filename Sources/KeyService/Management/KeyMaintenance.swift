import Contracts
import Logging
import RPC
import Synchronization

/// What happens by itself: figures are written, keys whose time has come are deleted or rotated,
/// related keys are told.
struct KeyMaintenance: Sendable {
    let administration: KeyAdministration
    let synchronizer: ReplicaSynchronizer
    let mover: PrimaryMover
    let logger: Logger
    private let rounds = Rounds()

    init(
        administration: KeyAdministration, synchronizer: ReplicaSynchronizer, mover: PrimaryMover,
        logger: Logger
    ) {
        self.administration = administration
        self.synchronizer = synchronizer
        self.mover = mover
        self.logger = logger
    }

    func runOnce() async {
        do {
            try administration.meter.flush()
        } catch {
            logger.warning("usage figures were not written", metadata: ["error": "\(error)"])
        }
        await deleteDueKeys()
        await deleteExpiredMaterial()
        await rotateDueKeys()
        await mover.finishAll()
        if rounds.isTwelfth() { synchronizer.markAll() }
        if !synchronizer.isDone { await synchronizer.synchronize() }
    }

    private func deleteDueKeys() async {
        let now = administration.now()
        for key in administration.ring.keys where Self.isDue(key, now) {
            do {
                try await administration.gate.run { try await delete(key.stored.keyID) }
            } catch {
                logger.warning(
                    "a key was not deleted when it was due",
                    metadata: ["key": "\(key.arn)", "error": "\(error)"])
            }
        }
    }

    private func deleteExpiredMaterial() async {
        let now = administration.now()
        for key in administration.ring.keys where key.stored.hasExpiredMaterial(now) {
            do {
                try await administration.gate.run {
                    guard let key = administration.ring[key.stored.keyID],
                        key.stored.hasExpiredMaterial(administration.now())
                    else { return }
                    try await administration.performForService(
                        "DeleteExpiredKeyMaterial", resource: key.arn,
                        details: ["keyId": key.stored.keyID]
                    ) { _ = try administration.save(key.stored.withoutMaterial()) }
                }
            } catch {
                logger.warning(
                    "material was not deleted when it expired",
                    metadata: ["key": "\(key.arn)", "error": "\(error)"])
            }
        }
    }

    private func rotateDueKeys() async {
        let now = administration.now()
        for key in administration.ring.keys where key.isRotationDue(now) {
            do {
                if try await administration.rotateIfDue(key.stored.keyID), key.isPrimary {
                    synchronizer.markChanged(key.stored.keyID)
                }
            } catch {
                logger.warning(
                    "a key was not rotated when it was due",
                    metadata: ["key": "\(key.arn)", "error": "\(error)"])
            }
        }
    }

    private func delete(_ keyID: String) async throws {
        // It may have been cancelled while this waited for its turn.
        guard let key = administration.ring[keyID], Self.isDue(key, administration.now()) else {
            return
        }
        let isReplica = key.stored.isMultiRegion && !key.isPrimary
        let departure =
            isReplica
            ? KeyStore.Departure(keyID: keyID, primaryRegion: key.stored.primaryRegion) : nil
        try await administration.performForService(
            "DeleteKey", resource: key.arn, details: ["keyId": keyID]
        ) {
            try administration.store.delete(keyID, departure: departure)
            administration.ring.remove(keyID)
        }
        if let departure { synchronizer.noteDeparture(departure) }
    }

    private static func isDue(_ key: ActiveKey, _ now: Int64) -> Bool {
        key.stored.state == .pendingDeletion && key.stored.deletionAtMicroseconds > 0
            && key.stored.deletionAtMicroseconds <= now
    }
}

/// Counts rounds of maintenance, of which every twelfth asks other Regions about related keys.
private final class Rounds: Sendable {
    private let count = Atomic<Int>(0)

    func isTwelfth() -> Bool {
        count.add(1, ordering: .relaxed).newValue.isMultiple(of: 12)
    }
}
