import NIOCore
import Synchronization

/// Runs an operation that must be answered by a deadline, even if it does not listen to
/// cancellation.
///
/// The operation runs in its own task, which is cancelled when the deadline passes, when the caller
/// is cancelled and when the race is stopped from outside.
final class Race<Success: Sendable>: Sendable {
    private struct State {
        var result: Result<Success, any Error>?
        var continuation: CheckedContinuation<Success, any Error>?
        var operation: Task<Void, Never>?
        var timer: Task<Void, Never>?
    }

    private let state = Mutex(State())

    /// The operation's value, or the first error. Called once.
    func run(
        until deadline: Deadline, late: RPCError,
        _ operation: @escaping @Sendable () async throws -> Success
    ) async throws -> Success {
        start(until: deadline, late: late, operation)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state in
                    if state.result == nil { state.continuation = continuation }
                    return state.result
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            settle(.failure(RPCError.callerGone))
        }
    }

    /// Ends the race from outside.
    func stop(_ error: RPCError) { settle(.failure(error)) }

    private func start(
        until deadline: Deadline, late: RPCError,
        _ operation: @escaping @Sendable () async throws -> Success
    ) {
        let operationTask = Task {
            do {
                let value = try await operation()
                self.settle(.success(value))
            } catch {
                self.settle(.failure(error))
            }
        }
        let timerTask =
            deadline == .never
            ? nil
            : Task {
                try? await Task.sleep(for: deadline.remaining)
                if !Task.isCancelled { self.settle(.failure(late)) }
            }
        let isOver = state.withLock { state in
            state.operation = operationTask
            state.timer = timerTask
            return state.result != nil
        }
        if isOver { cancelTasks() }
    }

    private func settle(_ result: Result<Success, any Error>) {
        let (first, continuation) = state.withLock { state in
            guard state.result == nil else {
                return (false, CheckedContinuation<Success, any Error>?.none)
            }
            state.result = result
            return (true, state.continuation.take())
        }
        guard first else { return }
        continuation?.resume(with: result)
        cancelTasks()
    }

    private func cancelTasks() {
        let (operation, timer) = state.withLock { ($0.operation.take(), $0.timer.take()) }
        operation?.cancel()
        timer?.cancel()
    }
}
