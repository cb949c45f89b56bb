import Synchronization

/// A pool of C contexts that are costly to make and may be used by one thread at a time.
///
/// A context that failed is freed, not put back, so that no half-done state survives.
final class ContextPool: Sendable {
    // @unchecked: a handle is reachable from the pool or from one borrower, never from both.
    private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    /// More than this many idle contexts are freed instead of kept.
    private static let idleMax = 8

    private let idle = Mutex<[Handle]>([])
    private let make: @Sendable () throws -> OpaquePointer
    private let free: @Sendable (OpaquePointer) -> Void

    init(
        make: @escaping @Sendable () throws -> OpaquePointer,
        free: @escaping @Sendable (OpaquePointer) -> Void
    ) {
        self.make = make
        self.free = free
    }

    deinit {
        idle.withLock { $0.forEach { free($0.pointer) } }
    }

    /// Lends a context; it must not leave `body`. `body` returns whether it succeeded.
    func withContext(_ body: (OpaquePointer) -> Bool) throws -> Bool {
        let handle = try idle.withLock { $0.popLast() } ?? Handle(pointer: make())
        guard body(handle.pointer) else {
            free(handle.pointer)
            return false
        }
        let kept = idle.withLock { idle in
            guard idle.count < Self.idleMax else { return false }
            idle.append(handle)
            return true
        }
        if !kept { free(handle.pointer) }
        return true
    }
}
