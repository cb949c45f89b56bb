import Contracts
import Logging
import RPC
import Synchronization

/// Tells related keys in other Regions what changed: the list of replicas, or that a replica is
/// gone.
///
/// What could not be delivered stays and is tried again by the next call.
final class ReplicaSynchronizer: Sendable {
    private struct Outstanding {
        /// Primary keys whose list is to be sent.
        var changed: Set<String>
        var departures: [KeyStore.Departure]
    }

    private static let timeout = Duration.seconds(5)

    private let configuration: KeyServiceConfiguration
    private let ring: KeyRing
    private let store: KeyStore
    private let peers: KeyReplicator.Peers
    private let logger: Logger
    private let outstanding: Mutex<Outstanding>

    /// At start-up every list is sent once, since the last run may have ended before it was.
    init(
        configuration: KeyServiceConfiguration, ring: KeyRing, store: KeyStore,
        departures: [KeyStore.Departure], peers: @escaping KeyReplicator.Peers, logger: Logger
    ) {
        self.configuration = configuration
        self.ring = ring
        self.store = store
        self.peers = peers
        self.logger = logger
        let primaries = ring.keys.filter { $0.isPrimary && !$0.stored.replicaRegions.isEmpty }
        outstanding = Mutex(
            Outstanding(changed: Set(primaries.map(\.stored.keyID)), departures: departures))
    }

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
        for departure in departures {
            var request = KeysSynchronizeReplicasRequest()
            request.keyID = departure.keyID
            request.replicaDeleted = true
            let isSent = await send(request, to: departure.primaryRegion, &unreachable)
            if isSent, (try? store.forget(departure)) != nil {
                outstanding.withLock { $0.departures.removeAll { $0 == departure } }
            }
        }
        for keyID in changed.sorted() {
            // Taken out before it is read, so that a change in between is not lost.
            outstanding.withLock { _ = $0.changed.remove(keyID) }
            guard let key = ring[keyID], key.isPrimary else { continue }
            var request = KeysSynchronizeReplicasRequest()
            request.keyID = keyID
            request.primaryRegion = configuration.region
            request.replicaRegions = key.stored.replicaRegions
            var isSent = true
            for region in key.stored.replicaRegions {
                let isThere = await send(request, to: region, &unreachable)
                isSent = isSent && isThere
            }
            if !isSent { markChanged(keyID) }
        }
    }

    private func send(
        _ request: KeysSynchronizeReplicasRequest, to region: String,
        _ unreachable: inout Set<String>
    ) async -> Bool {
        guard !unreachable.contains(region) else { return false }
        do {
            _ = try await KeysKeyTransferClient(peers(region)).synchronizeReplicas(
                request, options: CallOptions(timeout: Self.timeout))
            return true
        } catch {
            logger.debug(
                "related keys were not synchronised",
                metadata: ["region": "\(region)", "error": "\(error)"])
            unreachable.insert(region)
            return false
        }
    }
}
