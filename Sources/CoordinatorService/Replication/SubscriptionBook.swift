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
        /// Age of the last canary when it was applied here; -1 when none has come.
        var lag: Int64 = -1
        /// Clock of the other Region minus ours, microseconds; includes the way.
        var skew: Int64 = 0
    }

    private let regions = Mutex<[String: Info]>([:])

    func info(_ region: String) -> Info? { regions.withLock { $0[region] } }

    func change(_ region: String, _ body: (inout Info) -> Void) {
        regions.withLock { body(&$0[region, default: Info()]) }
    }

    func forget(_ region: String) { regions.withLock { _ = $0.removeValue(forKey: region) } }
}
