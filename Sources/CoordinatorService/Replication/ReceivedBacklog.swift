import Contracts
import ReplicationLog
import Synchronization

/// Messages of a subscription that were received and are not stored yet. All that wait go into one
/// transaction: a Region whose disk stood still for a moment catches up in a few.
///
/// One side puts, one takes. Bounded: whoever puts waits while it is full.
final class ReceivedBacklog: Sendable {
    struct Item: Sendable {
        let message: CoordinatorSubscribeResponse
        let batch: ValidatedBatch
    }

    private struct State {
        var items: [Item] = []
        var bytes = 0
        /// Whether all that was taken is stored, and nothing waits.
        var isIdle = false
        /// The side that waits. It is never both: what is full, or being stored, is not idle.
        var waiter: CheckedContinuation<Void, Never>?

        var isFull: Bool { bytes >= bytesMax || items.count >= itemsMax }
    }

    /// Of entries; one message more may come on top.
    private static let bytesMax = 4 << 20
    private static let itemsMax = 1_000

    private let state = Mutex(State())

    /// Adds an item, and waits for room for the next.
    func put(_ item: Item) async throws {
        let bytes = item.message.entries.reduce(0) {
            $0 + $1.key.utf8.count + $1.value.count + AppendRules.entryOverheadBytes
        }
        let waiter = state.withLock { state in
            state.isIdle = false
            state.items.append(item)
            state.bytes += bytes
            return state.waiter.take()
        }
        waiter?.resume()
        try await wait { !$0.isFull }
    }

    /// Waits until everything that was put is stored.
    func drained() async throws { try await wait { $0.isIdle } }

    /// All there is, at least one. Whoever asks has stored what it took before.
    func take() async throws -> [Item] {
        let drained = state.withLock { state in
            guard state.items.isEmpty else { return CheckedContinuation<Void, Never>?.none }
            state.isIdle = true
            return state.waiter.take()
        }
        drained?.resume()
        try await wait { !$0.items.isEmpty }
        let (items, waiter) = state.withLock { state in
            defer {
                state.items = []
                state.bytes = 0
            }
            return (state.items, state.waiter.take())
        }
        waiter?.resume()
        return items
    }

    private func wait(until condition: @escaping @Sendable (State) -> Bool) async throws {
        // Woken is not yet there: the other side wakes whoever waits, for whatever it waits.
        repeat {
            try Task.checkCancellation()
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let mayGo = state.withLock { state in
                        if condition(state) || Task.isCancelled { return true }
                        state.waiter = continuation
                        return false
                    }
                    if mayGo { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.waiter.take() }?.resume()
            }
            try Task.checkCancellation()
        } while !state.withLock { condition($0) }
    }
}
