import DequeModule

/// Answers of recent appends by request ID, so that a repeat answers like the first.
///
/// Bounded by number and by age. Filled again from the entries when a log is opened.
package struct RequestMemory: Sendable {
    package static let requestsMax = 65_536
    package static let ageMaxMicroseconds: Int64 = 5 * 60 * 1_000_000

    private var outcomes: [String: AppendOutcome] = [:]
    private var order: Deque<String> = []

    package init() {}

    package subscript(requestID: String) -> AppendOutcome? { outcomes[requestID] }

    package mutating func remember(_ outcome: AppendOutcome, for requestID: String) {
        guard outcomes.updateValue(outcome, forKey: requestID) == nil else { return }
        order.append(requestID)
        let oldest = outcome.writtenAtMicroseconds - Self.ageMaxMicroseconds
        while let first = order.first,
            order.count > Self.requestsMax
                || outcomes[first].map({ $0.writtenAtMicroseconds < oldest }) ?? true
        {
            order.removeFirst()
            outcomes[first] = nil
        }
    }

    /// Takes over what a transaction that is now durable has answered.
    package mutating func take(_ transaction: LogTransaction) {
        if transaction.forgetsRequests { forgetAll() }
        for (id, outcome) in transaction.requests { remember(outcome, for: id) }
    }

    package mutating func forgetAll() {
        outcomes.removeAll()
        order.removeAll()
    }
}
