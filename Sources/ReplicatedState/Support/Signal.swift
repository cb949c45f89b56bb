package import RPC
import Synchronization

/// Lets tasks wait until a condition over some other state holds.
///
/// Whoever changes that state calls `notify` afterwards. Conditions are evaluated while the signal is
/// locked: they may take the lock of the state they look at, so `notify` must not be called with that
/// lock held.
package final class Signal: Sendable {
    private enum Slot {
        case reserved
        case waiting(@Sendable () -> Bool, CheckedContinuation<Bool, Never>)
        case over
    }

    private struct Slots {
        var nextID: UInt64 = 0
        var all: [UInt64: Slot] = [:]
    }

    private let slots = Mutex(Slots())
    private let waitersMax: Int

    package init(waitersMax: Int = 10_000) { self.waitersMax = waitersMax }

    /// Wakes every task whose condition now holds.
    package func notify() {
        let ready = slots.withLock { slots in
            guard !slots.all.isEmpty else { return [CheckedContinuation<Bool, Never>]() }
            var ready: [CheckedContinuation<Bool, Never>] = []
            for (id, slot) in slots.all {
                guard case .waiting(let condition, let continuation) = slot, condition() else {
                    continue
                }
                slots.all[id] = nil
                ready.append(continuation)
            }
            return ready
        }
        for continuation in ready { continuation.resume(returning: true) }
    }

    /// Returns true once the condition holds, false when the deadline has passed.
    ///
    /// Throws: RESOURCE_EXHAUSTED TOO_MANY_WAITERS, `CancellationError`.
    package func wait(
        until deadline: Deadline, for condition: @escaping @Sendable () -> Bool
    ) async throws -> Bool {
        if condition() { return true }
        let id = try reserve()
        let timer =
            deadline == .never
            ? nil
            : Task {
                try? await Task.sleep(for: deadline.remaining)
                self.giveUp(id)
            }
        defer { timer?.cancel() }
        let isMet = await withTaskCancellationHandler {
            await withCheckedContinuation { enter(id, condition, $0) }
        } onCancel: {
            giveUp(id)
        }
        if !isMet { try Task.checkCancellation() }
        return isMet
    }

    private func reserve() throws -> UInt64 {
        try slots.withLock { slots in
            guard slots.all.count < waitersMax else {
                throw RPCError(
                    .resourceExhausted, reason: "TOO_MANY_WAITERS",
                    message: "Too many calls wait for something newer; try again.")
            }
            slots.nextID += 1
            slots.all[slots.nextID] = .reserved
            return slots.nextID
        }
    }

    private func enter(
        _ id: UInt64, _ condition: @escaping @Sendable () -> Bool,
        _ continuation: CheckedContinuation<Bool, Never>
    ) {
        let result: Bool? = slots.withLock { slots in
            if case .over = slots.all[id] {
                slots.all[id] = nil
                return false
            }
            if condition() {
                slots.all[id] = nil
                return true
            }
            slots.all[id] = .waiting(condition, continuation)
            return nil
        }
        if let result { continuation.resume(returning: result) }
    }

    private func giveUp(_ id: UInt64) {
        let continuation = slots.withLock { slots -> CheckedContinuation<Bool, Never>? in
            switch slots.all[id] {
            case .reserved:
                slots.all[id] = .over
                return nil
            case .waiting(_, let continuation):
                slots.all[id] = nil
                return continuation
            case .over, nil: return nil
            }
        }
        continuation?.resume(returning: false)
    }
}
