import Synchronization

/// Values gathered from callbacks.
final class Collected: Sendable {
    private let storage = Mutex<[UInt64]>([])

    func add(_ values: [UInt64]) { storage.withLock { $0 += values } }

    var values: [UInt64] { storage.withLock { $0 } }
}

/// A value that concurrent tasks share.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func withLock<R: Sendable>(_ body: @Sendable (inout Value) -> R) -> R {
        value.withLock { body(&$0) }
    }
}
