import Synchronization

/// Requests of one principal for one operation with one key since they were last written down.
final class UsageCounter: Sendable {
    private let requests = Atomic<Int64>(0)
    private let refused = Atomic<Int64>(0)

    func count(isRefused: Bool) {
        requests.add(1, ordering: .relaxed)
        if isRefused { refused.add(1, ordering: .relaxed) }
    }

    /// What was counted; counting starts at 0 again.
    func take() -> UsageCount {
        UsageCount(
            requests: requests.exchange(0, ordering: .relaxed),
            refused: refused.exchange(0, ordering: .relaxed))
    }
}

/// A number of requests and how many of them were refused.
struct UsageCount: Sendable, Equatable {
    var requests: Int64 = 0
    var refused: Int64 = 0

    static func += (sum: inout UsageCount, other: UsageCount) {
        sum.requests += other.requests
        sum.refused += other.refused
    }
}
