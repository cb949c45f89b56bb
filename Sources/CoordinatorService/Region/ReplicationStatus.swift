import Contracts
import ReplicationLog
import SwiftProtobuf

extension Coordinator {
    /// Positions, lag and digests of every Region as this one sees them.
    func replicationStatus() -> CoordinatorGetReplicationStatusResponse {
        let state = engine.state
        let others = instance.regionList(primary: state.identity?.primaryRegion).map(\.name)
            .filter { $0 != region }
        return .with {
            $0.region = region
            $0.primaryRegion = state.identity?.primaryRegion ?? ""
            $0.epoch = state.identity?.epoch ?? 0
            $0.heads = state.heads
            $0.digests = state.digests
            $0.replicas = others.map { replicaStatus(of: $0, state) }
            $0.reigns = state.identity?.history.wire ?? []
            $0.received = others.flatMap { received(from: $0, state) }
            if let fork = state.identity?.forkedAfter {
                $0.fork = "entries after \(fork) are not part of the log and are being exported"
            }
        }
    }

    private func received(
        from other: String, _ state: LogState
    ) -> [CoordinatorGetReplicationStatusResponse.StreamStatus] {
        let lags = subscriptions.info(other)?.lags ?? [:]
        return state.streams.keys.filter { state.gate.writer(of: $0) == other }
            .sorted { $0.text < $1.text }
            .map { stream in
                .with {
                    $0.region = other
                    $0.stream = stream.text
                    $0.applied = state.position(of: stream)
                    $0.lagUs = lags[stream] ?? -1
                }
            }
    }

    private func replicaStatus(
        of other: String, _ state: LogState
    ) -> CoordinatorGetReplicationStatusResponse.ReplicaStatus {
        let info = acknowledgements.info(other)
        let written = [StreamName.control, .regional(region)].filter {
            state.gate.writer(of: $0) == region && state.streams[$0] != nil
        }
        let subscription = subscriptions.info(other)
        let peer = peers.info(other)
        let isSubscribed = info?.isConnected(at: now()) ?? false
        // Another coordinator of this Region copies from there.
        let copiesElsewhere = subscription == nil && !engine.leads
        return .with {
            $0.region = other
            $0.clockSkewUs = peer?.skew ?? 0
            $0.roundTripUs = peer?.roundTrip ?? -1
            $0.trailWitnessedUs = witnessed.witnessed(other)
            $0.trailProblem = witnessed.problem(of: other)
            $0.epoch = peer?.epoch ?? 0
            $0.streams = written.map { stream in
                .with {
                    $0.region = other
                    $0.stream = stream.text
                    $0.applied.stream = stream.text
                    $0.applied.sequence = info?.applied[stream] ?? 0
                    $0.lagUs = info?.lags[stream] ?? -1
                }
            }
            $0.connected =
                isSubscribed && (subscription?.isConnected ?? copiesElsewhere)
            $0.applied = written.map { stream in
                .with {
                    $0.stream = stream.text
                    $0.epoch = state.streams[stream]?.headEpoch ?? 0
                    $0.sequence = info?.applied[stream] ?? 0
                }
            }
            $0.entriesBehind = written.reduce(0) { total, stream in
                let head = state.streams[stream]?.head ?? 0
                return total + head - min(head, info?.applied[stream] ?? 0)
            }
            $0.lagUs = info?.lagMicroseconds ?? -1
            $0.lastSeenUs = max(info?.lastSeenMicroseconds ?? 0, subscription?.lastSeen ?? 0)
            if let problem = subscription?.problem {
                $0.problem = problem
            } else if !isSubscribed {
                $0.problem = "\(other) is not subscribed to this Region"
            }
        }
    }
}
