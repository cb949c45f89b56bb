import RPC

/// Lets one change at a time through, in the order of asking, also across the waits inside a
/// change.
actor SerialGate {
    private static let waiterCountMax = 256

    private var isHeld = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    /// Runs `body` alone.
    ///
    /// - Throws: RESOURCE_EXHAUSTED when too many wait already, and what `body` throws.
    func run<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await enter()
        defer { leave() }
        // Whoever gave up while waiting does not change anything any more.
        try Task.checkCancellation()
        return try await body()
    }

    private func enter() async throws {
        guard isHeld else {
            isHeld = true
            return
        }
        guard waiters.count < Self.waiterCountMax else {
            throw RPCError(
                .resourceExhausted, reason: "LimitExceededException",
                message: "Too many changes of keys are waiting; try again.")
        }
        await withCheckedContinuation { waiters.append($0) }
    }

    /// Hands over without letting go, so that nobody gets in between.
    private func leave() {
        if waiters.isEmpty {
            isHeld = false
        } else {
            waiters.removeFirst().resume()
        }
    }
}
