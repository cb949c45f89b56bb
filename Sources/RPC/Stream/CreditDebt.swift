import Synchronization

/// Gathers the credit that consumed messages give back, until it is worth a frame.
final class CreditDebt: Sendable {
    private let threshold: Int
    private let owed = Mutex(0)

    init(threshold: Int) { self.threshold = threshold }

    /// What to give back now; nil while it is not worth it.
    func add(_ bytes: Int) -> Int? {
        owed.withLock { owed in
            owed += bytes
            guard owed >= threshold else { return nil }
            defer { owed = 0 }
            return owed
        }
    }
}
