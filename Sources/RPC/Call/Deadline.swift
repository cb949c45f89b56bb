public import NIOCore

/// The moment by which an answer must be there. Local to the process; crosses the wire as the time
/// that remains.
public struct Deadline: Sendable, Hashable, Comparable {
    public let instant: NIODeadline

    public init(instant: NIODeadline) { self.instant = instant }

    /// The moment `duration` from now; at least now.
    public static func after(_ duration: Duration) -> Deadline {
        Deadline(instant: .now() + .nanoseconds(max(0, duration.nanosecondsClamped)))
    }

    /// What remains; zero when passed.
    public var remaining: Duration {
        .nanoseconds(max(0, (instant - .now()).nanoseconds))
    }

    public var hasPassed: Bool { instant <= .now() }

    public static func < (a: Deadline, b: Deadline) -> Bool { a.instant < b.instant }
}

extension Duration {
    /// Whole nanoseconds, clamped to what 64 bits hold.
    public var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carry ? (seconds < 0 ? .min : .max) : sum
    }
}
