import NIOCore
import Synchronization

/// An open connection, as callers on other threads see it.
final class ClientLink: Sendable {
    private let connection: NIOLoopBound<ClientConnection>
    private let channel: any Channel
    private let limits: CallLimits
    /// Calls on their way to the event loop; one hop takes all that have gathered.
    private let mailbox = Mutex<[ClientCall]>([])

    /// On the connection's event loop.
    init(_ connection: ClientConnection, _ channel: any Channel, limits: CallLimits) {
        self.connection = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        self.channel = channel
        self.limits = limits
    }

    /// Throws: `CallFailure`.
    func unary(_ call: ClientCall) async throws -> ByteBuffer {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if call.wait(continuation) { submit(call) }
            }
        } onCancel: {
            cancel(call)
        }
    }

    func serverStreaming(_ call: ClientCall) -> PayloadStream {
        let incoming = IncomingStream(
            onTaken: { bytes in self.taken(call, bytes) },
            onAbandoned: { self.cancel(call) })
        call.incoming = incoming
        submit(call)
        return PayloadStream(incoming)
    }

    /// Throws: `CallFailure`.
    func clientStreaming(
        _ call: ClientCall, _ produce: @escaping RequestProducer
    ) async throws -> ByteBuffer {
        startRequests(call, produce)
        return try await unary(call)
    }

    func bidirectionalStreaming(
        _ call: ClientCall, _ produce: @escaping RequestProducer
    ) -> PayloadStream {
        defer { startRequests(call, produce) }
        return serverStreaming(call)
    }

    private func startRequests(_ call: ClientCall, _ produce: @escaping RequestProducer) {
        call.requests?.start(produce, limits: limits) { payload in
            self.channel.eventLoop.execute { self.connection.value.message(call, payload) }
        } done: { result in
            switch result {
            case .success:
                self.channel.eventLoop.execute { self.connection.value.endRequests(call) }
            case .failure(let error): self.cancel(call, error)
            }
        }
    }

    func close(_ error: RPCError) {
        channel.eventLoop.execute { self.connection.value.stop(error) }
    }

    private func submit(_ call: ClientCall) {
        let isFirst = mailbox.withLock { calls in
            calls.append(call)
            return calls.count == 1
        }
        guard isFirst else { return }
        channel.eventLoop.execute {
            let calls = self.mailbox.withLock { calls in
                defer { calls = [] }
                return calls
            }
            for call in calls { self.connection.value.start(call) }
            self.connection.value.flush()
        }
    }

    private func cancel(_ call: ClientCall, _ error: RPCError = .callerGone) {
        call.fail(error)
        channel.eventLoop.execute { self.connection.value.cancel(call) }
    }

    private func taken(_ call: ClientCall, _ bytes: Int) {
        guard let credit = call.owe(bytes, threshold: limits.streamCreditBytes / 4) else { return }
        channel.eventLoop.execute { self.connection.value.grant(call, credit) }
    }
}
