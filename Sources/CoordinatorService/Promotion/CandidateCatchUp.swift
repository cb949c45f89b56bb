import Contracts
import RPC
import ReplicationLog
import SwiftProtobuf

/// Before a Region takes over it fetches what another one has received and it has not: what one of
/// them has is not lost.
struct CandidateCatchUp {
    private static let timeMax = Duration.seconds(20)

    let coordinator: Coordinator

    /// Returns once the position is here. The other Region has promised to follow this one.
    func run(from peer: String, to target: LogPosition) async throws {
        let state = coordinator.engine.state
        guard let identity = state.identity else { return }
        let messages = try await coordinator.replication(in: peer).subscribe(
            .with {
                $0.region = coordinator.region
                $0.logID = identity.logID
                let streams: [StreamName] = [.control, .regional(peer)]
                $0.after = streams.map { state.position(of: $0) }
                $0.purged = SubscriptionRules.purged(of: streams, state)
            }, options: CallOptions(timeout: Self.timeMax))
        for try await message in messages where message.stream == StreamName.control.text {
            let position = try await coordinator.engine.apply(
                ReceivedBatch(
                    sender: peer, logID: identity.logID, stream: message.stream,
                    entries: message.entries, after: message.after.sequence,
                    through: message.through, compactedThrough: message.compactedThrough,
                    purgedThrough: message.purgedThrough
                ).validated())
            if position.sequence >= target.sequence { return }
        }
    }
}
