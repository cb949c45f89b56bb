import Contracts
import ReplicationLog
import Synchronization

/// What the exchange of reigns has shown of the other Regions.
final class PeerBook: Sendable {
    struct Info: Sendable {
        /// Wall clock here when it last answered; 0 never.
        var lastHeard: Int64 = 0
        /// Its clock minus ours, from the middle of the round trip.
        var skew: Int64 = 0
        /// Of the last exchange; -1 when none has been answered.
        var roundTrip: Int64 = -1
        var epoch: UInt64 = 0
        var control = LogPosition()
    }

    private let regions = Mutex<[String: Info]>([:])

    func info(_ region: String) -> Info? { regions.withLock { $0[region] } }

    func note(
        _ answer: CoordinatorExchangeReignsResponse, of region: String, sentAt: Int64, now: Int64
    ) {
        regions.withLock { regions in
            var info = regions[region] ?? Info()
            info.lastHeard = now
            info.roundTrip = max(0, now - sentAt)
            if answer.nowUs > 0 { info.skew = answer.nowUs - (sentAt + now) / 2 }
            info.epoch = answer.reigns.last?.epoch ?? 0
            info.control = answer.control
            regions[region] = info
        }
    }
}
