import Contracts
import ReplicationLog

/// Keeps one subscription to every other Region of the instance: the control stream comes from the
/// primary, regional streams from each Region itself.
struct SubscriptionSupervisor {
    let coordinator: Coordinator

    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            var running: [String: Task<Void, any Error>] = [:]
            defer { for task in running.values { task.cancel() } }
            while true {
                let version = coordinator.hub.version
                let wanted = wantedPeers
                for peer in running.keys where !wanted.contains(peer) {
                    running.removeValue(forKey: peer)?.cancel()
                    coordinator.subscriptions.forget(peer)
                }
                for peer in wanted where running[peer] == nil {
                    let task = Task {
                        try await Subscription(coordinator: coordinator, peer: peer).run()
                    }
                    running[peer] = task
                    group.addTask {
                        await withTaskCancellationHandler {
                            _ = await task.result
                        } onCancel: {
                            task.cancel()
                        }
                    }
                }
                try await coordinator.hub.wait(past: version)
            }
        }
    }

    /// All Regions but this one. Before the first entries have come, only the primary is known.
    private var wantedPeers: Set<String> {
        guard let identity = coordinator.engine.state.identity else { return [] }
        var peers = Set(coordinator.instance.regions.keys)
        peers.insert(identity.primaryRegion)
        peers.remove(coordinator.region)
        return peers
    }
}
