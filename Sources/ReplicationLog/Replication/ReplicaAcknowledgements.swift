package import Contracts

/// How far other Regions have applied what this one writes, as far as compaction needs it.
package struct ReplicaAcknowledgements: Sendable {
    package struct Replica: Sendable {
        package var applied: [StreamName: UInt64] = [:]
        package var lastSeenMicroseconds: Int64 = 0
        package var isConnected = false

        package init() {}
    }

    package var replicas: [String: Replica] = [:]

    package init() {}

    /// Notes what a Region says it has applied.
    package mutating func acknowledge(
        _ region: String, _ positions: [LogPosition], at time: Int64
    ) {
        var replica = replicas[region] ?? Replica()
        for position in positions.prefix(64) {
            guard let stream = StreamName(position.stream) else { continue }
            replica.applied[stream] = position.sequence
        }
        replica.lastSeenMicroseconds = time
        replicas[region] = replica
    }

    /// Up to where superseded entries of a stream may go: what every Region that replicates it from
    /// here has applied. A Region that has not been seen since `horizon` does not count: it copies
    /// again when it returns. A Region that has never been heard of holds everything up.
    package func compactable(
        _ stream: StreamName, members: some Sequence<String>, seenSince horizon: Int64,
        _ state: LogState
    ) -> UInt64 {
        let head = state.streams[stream]?.head ?? 0
        guard state.gate.writer(of: stream) == state.region else { return head }
        return members.filter { $0 != state.region }.map { region in
            guard let replica = replicas[region] else { return 0 }
            let isGone =
                !replica.isConnected && replica.lastSeenMicroseconds > 0
                && replica.lastSeenMicroseconds < horizon
            return isGone ? head : replica.applied[stream] ?? 0
        }.reduce(head, min)
    }
}
