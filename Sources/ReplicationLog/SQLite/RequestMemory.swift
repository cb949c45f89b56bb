import DequeModule

/// Answers of recent appends by request ID, so that a repeat answers like the first.
///
/// Bounded by number and by age. Filled again from the entries when a log is opened.
struct RequestMemory {
    static let requestsMax = 65_536
    static let ageMaxMicroseconds: Int64 = 5 * 60 * 1_000_000

    private var outcomes: [String: AppendOutcome] = [:]
    private var order: Deque<String> = []

    subscript(requestID: String) -> AppendOutcome? { outcomes[requestID] }

    mutating func remember(_ outcome: AppendOutcome, for requestID: String) {
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

    mutating func forgetAll() {
        outcomes.removeAll()
        order.removeAll()
    }
}
