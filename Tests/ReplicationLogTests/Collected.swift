import Synchronization

/// Values gathered from callbacks.
final class Collected: Sendable {
    private let storage = Mutex<[UInt64]>([])

    func add(_ values: [UInt64]) { storage.withLock { $0 += values } }

    var values: [UInt64] { storage.withLock { $0 } }
}
