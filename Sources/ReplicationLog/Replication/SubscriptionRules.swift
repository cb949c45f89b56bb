package import Contracts
import SwiftProtobuf

/// What a Region that replicates from a peer asks for and does with what comes.
package enum SubscriptionRules {
    /// The streams that the peer sends: its own, and the primary's also the control stream and, to a
    /// returning Region, that Region's own.
    package static func streams(from peer: String, _ state: LogState) -> [StreamName] {
        guard let identity = state.identity else { return [] }
        var streams = [StreamName.regional(peer)]
        if identity.primaryRegion == peer {
            if identity.forkedAfter == nil { streams.append(.control) }
            if !identity.mayWriteOwnStream { streams.append(.regional(state.region)) }
        }
        return streams
    }

    /// The positions to go on from.
    package static func after(from peer: String, _ state: LogState) -> [LogPosition] {
        streams(from: peer, state).map { state.position(of: $0) }
    }

    /// Up to where tombstones were gone when the copies held here were begun.
    package static func purged(from peer: String, _ state: LogState) -> [LogPosition] {
        purged(of: streams(from: peer, state), state)
    }

    /// The same of streams that are named.
    package static func purged(of streams: [StreamName], _ state: LogState) -> [LogPosition] {
        streams.compactMap { name in
            guard let stream = state.streams[name], stream.purgedThrough > 0 else { return nil }
            return .with {
                $0.stream = name.text
                $0.sequence = stream.purgedThrough
            }
        }
    }

    /// What to acknowledge to the peer: its own streams that are applied here.
    package static func applied(from peer: String, _ state: LogState) -> [LogPosition] {
        streams(from: peer, state).filter { state.gate.writer(of: $0) == peer }
            .map { state.position(of: $0) }
    }

    /// Whether this Region holds all that the primary holds of its own stream, and so writes it
    /// again: `position` is where it stands after what came, `head` where the primary stands.
    package static func takesOverOwnStream(
        _ stream: StreamName, position: LogPosition, head: LogPosition, _ state: LogState
    ) -> Bool {
        guard stream == .regional(state.region), position.sequence >= head.sequence,
            let identity = state.identity
        else { return false }
        return !identity.mayWriteOwnStream
    }

    /// The streams to drop and copy again after the peer's refusal: deletions that this Region has
    /// missed are no longer kept.
    package static func streamsToCopyAgain(
        from peer: String, after code: LogError.Code, _ state: LogState
    ) -> [StreamName] {
        guard code == .positionExpired else { return [] }
        return streams(from: peer, state).filter { $0.region != state.region }
    }
}
