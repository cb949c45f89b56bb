import Contracts
import ReplicationLog
import Synchronization

/// What is known of the subscriptions of this Region to others.
final class SubscriptionBook: Sendable {
    struct Info: Sendable {
        var isConnected = false
        var lastSeen: Int64 = 0
        /// Why it is not connected, for the operator.
        var problem: String?
        /// Entries applied since this process joined or started.
        var entriesApplied: UInt64 = 0
        /// Age of each stream's last canary when it was applied here.
        var lags: [StreamName: Int64] = [:]
        /// Heads of the other Region's streams as it last said.
        var heads: [StreamName: LogPosition] = [:]

        /// The worst of all streams; -1 when no canary has come.
        var lag: Int64 { lags.values.max() ?? -1 }
    }

    private let regions = Mutex<[String: Info]>([:])

    func info(_ region: String) -> Info? { regions.withLock { $0[region] } }

    func change(_ region: String, _ body: (inout Info) -> Void) {
        regions.withLock { body(&$0[region, default: Info()]) }
    }

    func forget(_ region: String) { regions.withLock { _ = $0.removeValue(forKey: region) } }
}
