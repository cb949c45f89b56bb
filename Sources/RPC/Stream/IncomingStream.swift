import DequeModule
import NIOCore
import Synchronization

/// Messages that have arrived and wait for their one consumer.
///
/// Bounded by the credit the sender was given: `onTaken` says how much credit a consumed message
/// gives back. `onAbandoned` is called once, when the consumer goes away before the end.
final class IncomingStream: Sendable {
    private enum End {
        case complete
        case failed(RPCError)
        case abandoned
    }

    private struct State {
        var messages: Deque<ByteBuffer> = []
        var end: End?
        var consumer: CheckedContinuation<ByteBuffer?, any Error>?
    }

    private let state = Mutex(State())
    private let onTaken: @Sendable (Int) -> Void
    private let onAbandoned: @Sendable () -> Void

    init(
        onTaken: @escaping @Sendable (Int) -> Void, onAbandoned: @escaping @Sendable () -> Void
    ) {
        self.onTaken = onTaken
        self.onAbandoned = onAbandoned
    }

    /// A message arrived. Dropped when the stream is over.
    func push(_ message: ByteBuffer) {
        let consumer = state.withLock { state -> CheckedContinuation<ByteBuffer?, any Error>? in
            guard state.end == nil else { return nil }
            if let consumer = state.consumer.take() { return consumer }
            state.messages.append(message)
            return nil
        }
        guard let consumer else { return }
        consumer.resume(returning: message)
        onTaken(message.readableBytes + CallLimits.messageOverheadBytes)
    }

    /// The sender is done. What has arrived before is still delivered. Only the first end counts.
    func finish(_ error: RPCError? = nil) {
        let consumer = state.withLock { state -> CheckedContinuation<ByteBuffer?, any Error>? in
            guard state.end == nil else { return nil }
            state.end = error.map { .failed($0) } ?? .complete
            return state.consumer.take()
        }
        if let error {
            consumer?.resume(throwing: error)
        } else {
            consumer?.resume(returning: nil)
        }
    }

    /// The consumer is gone.
    func abandon() {
        let (wasOpen, consumer) = state.withLock { state in
            let wasOpen = state.end == nil
            if wasOpen { state.end = .abandoned }
            state.messages = []
            return (wasOpen, state.consumer.take())
        }
        consumer?.resume(throwing: CancellationError())
        if wasOpen { onAbandoned() }
    }

    /// The next message; nil at the end.
    ///
    /// Throws: `RPCError` when the call failed, `CancellationError` when the consumer's task was
    /// cancelled, which abandons the stream.
    func next() async throws -> ByteBuffer? {
        let message = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard let result = takeOrWait(continuation) else { return }
                continuation.resume(with: result)
            }
        } onCancel: {
            abandon()
        }
        return message
    }

    private func takeOrWait(
        _ continuation: CheckedContinuation<ByteBuffer?, any Error>
    ) -> Result<ByteBuffer?, any Error>? {
        let result: Result<ByteBuffer?, any Error>? = state.withLock { state in
            if let message = state.messages.popFirst() { return .success(message) }
            switch state.end {
            case .complete: return .success(nil)
            case .failed(let error): return .failure(error)
            case .abandoned: return .failure(CancellationError())
            case nil: break
            }
            precondition(state.consumer == nil, "A stream has one consumer.")
            state.consumer = continuation
            return nil
        }
        if case .success(let message?) = result {
            onTaken(message.readableBytes + CallLimits.messageOverheadBytes)
        }
        return result
    }
}

extension PayloadStream {
    /// The stream's consumer half: letting go of it abandons the stream.
    init(_ incoming: IncomingStream) {
        let consumer = StreamConsumer(incoming)
        self.init { try await consumer.incoming.next() }
    }
}

/// Abandons the stream when nobody can read from it any more.
private final class StreamConsumer: Sendable {
    let incoming: IncomingStream
    init(_ incoming: IncomingStream) { self.incoming = incoming }
    deinit { incoming.abandon() }
}
