import Contracts
import ReplicationLog
import Synchronization

/// What is known of a Region that replicates from this one.
struct ReplicaInfo: Sendable {
    var applied: [StreamName: UInt64] = [:]
    var entriesApplied: UInt64 = 0
    var lagMicroseconds: Int64 = -1
    var lags: [StreamName: Int64] = [:]
    var lastSeenMicroseconds: Int64 = 0
    /// Subscriptions under way.
    var subscriptions = 0
    /// Whether it has acknowledged anything since this process started.
    var hasSpoken = false
    /// When it last acknowledged here, and when another coordinator of this Region last kept news of it.
    var heardHere: Int64?
    var heardElsewhere: Int64?

    /// Whether it is subscribed, here or, as its acknowledgements show, at another coordinator of this
    /// Region.
    func isConnected(at time: Int64) -> Bool {
        subscriptions > 0 || Self.isRecent(heardElsewhere, time)
    }

    /// Canaries are acknowledged about every second.
    static func isRecent(_ heard: Int64?, _ time: Int64) -> Bool {
        heard.map { time - $0 < 10_000_000 } ?? false
    }
}

/// How far each Region has applied what this one writes.
final class AcknowledgementBook: Sendable {
    private struct Held {
        var replicas: [String: ReplicaInfo] = [:]
        var unsaved: Set<String> = []
        /// What storage held at the last look.
        var kept: [String: [StreamName: UInt64]] = [:]
    }

    private let held: Mutex<Held>
    private let isShared: Bool

    /// Begins with what was kept over a restart; those Regions count as seen at `time`. Shared, other
    /// coordinators of this Region hear Regions, too.
    init(_ kept: [String: [StreamName: UInt64]], isShared: Bool, at time: Int64) {
        self.isShared = isShared
        held = Mutex(
            Held(
                replicas: kept.mapValues {
                    ReplicaInfo(applied: $0, lastSeenMicroseconds: time)
                }, kept: kept))
    }

    func info(_ region: String) -> ReplicaInfo? { held.withLock { $0.replicas[region] } }

    /// What compaction needs to know.
    func forCompaction(at time: Int64) -> ReplicaAcknowledgements {
        held.withLock { held in
            var book = ReplicaAcknowledgements()
            book.replicas = held.replicas.mapValues { info in
                var replica = ReplicaAcknowledgements.Replica()
                replica.applied = info.applied
                replica.lastSeenMicroseconds = info.lastSeenMicroseconds
                replica.isConnected = info.isConnected(at: time)
                return replica
            }
            return book
        }
    }

    func acknowledge(_ request: CoordinatorAcknowledgeRequest, at time: Int64) {
        held.withLock { held in
            var info = held.replicas[request.region] ?? ReplicaInfo()
            for position in request.applied.prefix(64) {
                guard let stream = StreamName(position.stream) else { continue }
                info.applied[stream] = position.sequence
            }
            info.entriesApplied = request.entriesApplied
            info.lagMicroseconds = request.lagUs
            for lag in request.lags.prefix(64) {
                if let stream = StreamName(lag.stream) { info.lags[stream] = lag.lagUs }
            }
            info.lastSeenMicroseconds = time
            info.heardHere = time
            if isShared, info.subscriptions == 0 { info.heardElsewhere = time }
            info.hasSpoken = true
            held.replicas[request.region] = info
            held.unsaved.insert(request.region)
        }
    }

    /// Takes in what the Region's coordinators have kept. Who acknowledges here is known better here. A
    /// Region's subscription and its acknowledgements may come to different coordinators.
    func take(_ kept: [String: [StreamName: UInt64]], at time: Int64) {
        held.withLock { held in
            for (region, applied) in kept where held.kept[region] != applied {
                var info = held.replicas[region] ?? ReplicaInfo()
                guard !ReplicaInfo.isRecent(info.heardHere, time), !held.unsaved.contains(region)
                else { continue }
                info.applied = applied
                info.lastSeenMicroseconds = time
                info.hasSpoken = true
                info.heardElsewhere = time
                held.replicas[region] = info
            }
            // Forgotten by another one, as the Region has been removed.
            for region in held.kept.keys where kept[region] == nil {
                let info = held.replicas[region]
                guard !ReplicaInfo.isRecent(info?.heardHere, time), !held.unsaved.contains(region)
                else { continue }
                let subscriptions = info?.subscriptions ?? 0
                held.replicas[region] =
                    subscriptions > 0 ? ReplicaInfo(subscriptions: subscriptions) : nil
            }
            held.kept = kept
        }
    }

    func subscribed(_ region: String, by change: Int) {
        held.withLock { $0.replicas[region, default: ReplicaInfo()].subscriptions += change }
    }

    /// Forgets positions; subscriptions under way stay counted.
    func forget(_ region: String) {
        held.withLock { held in
            let subscriptions = held.replicas[region]?.subscriptions ?? 0
            held.replicas[region] =
                subscriptions > 0
                ? ReplicaInfo(subscriptions: subscriptions) : nil
            held.unsaved.remove(region)
        }
    }

    /// Forgets all Regions' positions.
    func forgetAll() {
        for region in held.withLock({ Array($0.replicas.keys) }) { forget(region) }
    }

    /// Positions that have changed since the last call, to be kept over a restart.
    func takeUnsaved() -> [String: [StreamName: UInt64]] {
        held.withLock { held in
            defer { held.unsaved.removeAll() }
            return held.unsaved.reduce(into: [:]) { $0[$1] = held.replicas[$1]?.applied }
        }
    }
}
