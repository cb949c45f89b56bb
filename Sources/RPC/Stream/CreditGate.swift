import DequeModule
import Synchronization

/// Lets a sender through while the receiver has room.
///
/// A message may be sent while the credit is above zero and then takes its cost from it, so the
/// receiver holds at most the initial credit and one message more.
final class CreditGate: Sendable {
    private struct Waiter {
        let id: UInt64
        let cost: Int
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var credit: Int
        var waiters: Deque<Waiter> = []
        var nextID: UInt64 = 0
        var closed: RPCError?
    }

    private let state: Mutex<State>

    init(credit: Int) { state = Mutex(State(credit: credit)) }

    /// Waits for credit and takes `cost` of it. In order of arrival.
    ///
    /// Throws: the error the gate was closed with; `CancellationError`.
    func acquire(_ cost: Int) async throws {
        if try takeNow(cost) { return }
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Void, any Error>? = state.withLock { state in
                    if let closed = state.closed { return .failure(closed) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.waiters.isEmpty, state.credit > 0 {
                        state.credit -= cost
                        return .success(())
                    }
                    state.waiters.append(Waiter(id: id, cost: cost, continuation: continuation))
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                    return nil
                }
                return state.waiters.remove(at: index)
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Takes the cost if nobody waits and there is credit.
    private func takeNow(_ cost: Int) throws -> Bool {
        try state.withLock { state in
            if let closed = state.closed { throw closed }
            guard state.waiters.isEmpty, state.credit > 0 else { return false }
            state.credit -= cost
            return true
        }
    }

    /// The receiver has room for more.
    func grant(_ amount: Int) {
        let released = state.withLock { state in
            state.credit = min(state.credit + amount, Int(Int32.max))
            var released: [Waiter] = []
            while state.credit > 0, let waiter = state.waiters.popFirst() {
                state.credit -= waiter.cost
                released.append(waiter)
            }
            return released
        }
        for waiter in released { waiter.continuation.resume() }
    }

    /// Nothing passes any more. Only the first error counts.
    func close(_ error: RPCError) {
        let waiters = state.withLock { state in
            if state.closed == nil { state.closed = error }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(throwing: error) }
    }
}
