import NIOCore
import Synchronization

/// Why a call over a connection failed, and whether the server may have seen it.
struct CallFailure: Error {
    let error: RPCError
    /// False when the call certainly did not reach a handler.
    let mayHaveRun: Bool
}

/// One call under way. Ends once: by the server, the deadline, the connection or the caller.
final class ClientCall: Sendable {
    private enum Phase {
        case made
        case waiting(CheckedContinuation<ByteBuffer, any Error>)
        case ended(Result<ByteBuffer, CallFailure>)
    }

    private struct State {
        var phase = Phase.made
        var streamID: UInt32?
        /// Room the consumer made that the server has not been told of.
        var creditOwed = 0
    }

    let method: MethodDescriptor
    /// The only request; nil when they are streamed.
    let request: ByteBuffer?
    let requests: OutgoingRequests?
    let metadata: [String: String]
    let deadline: Deadline
    /// Set for calls with a streamed answer.
    private let incomingStream: Mutex<IncomingStream?>
    private let state = Mutex(State())

    init(
        method: MethodDescriptor, request: ByteBuffer?, metadata: [String: String],
        deadline: Deadline
    ) {
        self.method = method
        self.request = request
        self.requests = request == nil ? OutgoingRequests() : nil
        self.metadata = metadata
        self.deadline = deadline
        self.incomingStream = Mutex(nil)
    }

    var incoming: IncomingStream? {
        get { incomingStream.withLock { $0 } }
        set { incomingStream.withLock { $0 = newValue } }
    }

    var hasEnded: Bool {
        state.withLock { if case .ended = $0.phase { true } else { false } }
    }

    /// Set when the call is written.
    var streamID: UInt32? {
        get { state.withLock { $0.streamID } }
        set { state.withLock { $0.streamID = newValue } }
    }

    /// Whether the call is still to be sent; otherwise the continuation has its result.
    func wait(_ continuation: CheckedContinuation<ByteBuffer, any Error>) -> Bool {
        let ended: Result<ByteBuffer, CallFailure>? = state.withLock { state in
            if case .ended(let result) = state.phase { return result }
            state.phase = .waiting(continuation)
            return nil
        }
        guard let ended else { return true }
        continuation.resume(with: ended)
        return false
    }

    /// The end. Only the first counts.
    func end(_ result: Result<ByteBuffer, CallFailure>) {
        let (first, continuation) = state.withLock {
            state -> (Bool, CheckedContinuation<ByteBuffer, any Error>?) in
            switch state.phase {
            case .ended: return (false, nil)
            case .made:
                state.phase = .ended(result)
                return (true, nil)
            case .waiting(let continuation):
                state.phase = .ended(result)
                return (true, continuation)
            }
        }
        guard first else { return }
        continuation?.resume(with: result)
        requests?.stop(.callerGone)
        switch result {
        case .success: incoming?.finish()
        case .failure(let failure): incoming?.finish(failure.error)
        }
        incoming = nil
    }

    func fail(_ error: RPCError, mayHaveRun: Bool = true) {
        end(.failure(CallFailure(error: error, mayHaveRun: mayHaveRun)))
    }

    /// The consumer made room. Answers how much to tell the server, once it is worth a frame.
    func owe(_ bytes: Int, threshold: Int) -> Int? {
        state.withLock { state in
            state.creditOwed += bytes
            guard state.creditOwed >= threshold else { return nil }
            defer { state.creditOwed = 0 }
            return state.creditOwed
        }
    }
}
