import NIOCore
import Synchronization

/// The streamed requests of one call: what sends them, and how much may be sent.
final class OutgoingRequests: Sendable {
    private struct State {
        var producer: Task<Void, Never>?
        var isStopped = false
        var hasEnded = false
    }

    /// Closed until the call is sent; then lets through what the server has room for.
    let gate = CreditGate(credit: 0)
    private let state = Mutex(State())

    /// Whether the producer has returned.
    var hasEnded: Bool {
        get { state.withLock { $0.hasEnded } }
        set { state.withLock { $0.hasEnded = newValue } }
    }

    /// Runs what sends the requests. Called once.
    func start(
        _ produce: @escaping RequestProducer, limits: CallLimits,
        send: @escaping @Sendable (ByteBuffer) -> Void,
        done: @escaping @Sendable (Result<Void, RPCError>) -> Void
    ) {
        let gate = gate
        let writer = PayloadWriter { payload in
            try limits.check(message: payload)
            try await gate.acquire(payload.readableBytes + CallLimits.messageOverheadBytes)
            send(payload)
        }
        let task = Task {
            do {
                try await produce(writer)
                done(.success(()))
            } catch {
                done(.failure(.requestsFailed(error)))
            }
        }
        let isStopped = state.withLock { state in
            state.producer = task
            return state.isStopped
        }
        if isStopped { task.cancel() }
    }

    /// No further requests are wanted.
    func stop(_ error: RPCError) {
        gate.close(error)
        let producer = state.withLock { state in
            state.isStopped = true
            return state.producer
        }
        producer?.cancel()
    }
}

extension RPCError {
    /// What sends the requests of a call threw instead.
    static func requestsFailed(_ error: any Error) -> RPCError {
        if let error = error as? RPCError { return error }
        if error is CancellationError { return .callerGone }
        return RPCError(
            .cancelled, reason: "REQUESTS_FAILED",
            message: "The requests of the call could not be made.", cause: error)
    }
}
