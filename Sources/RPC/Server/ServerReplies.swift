import Logging
import NIOCore

/// Runs handlers in tasks and brings what they give back to the connection's event loop.
struct ServerReplies: Sendable {
    private let connection: NIOLoopBound<ServerConnection>
    private let eventLoop: any EventLoop
    private let limits: CallLimits
    private let outboundGate: CreditGate
    private let logger: Logger

    init(_ connection: ServerConnection, _ eventLoop: any EventLoop) {
        self.connection = NIOLoopBound(connection, eventLoop: eventLoop)
        self.eventLoop = eventLoop
        self.limits = connection.core.limits.call
        self.outboundGate = connection.outboundGate
        self.logger = connection.core.logger
    }

    func onLoop(_ body: @escaping @Sendable (ServerConnection) -> Void) {
        let connection = connection
        eventLoop.execute { body(connection.value) }
    }

    /// Starts the handler of a call.
    func run(
        _ entry: MethodTable.Entry, _ payload: ByteBuffer, _ context: ServerContext, id: UInt32,
        gate: CreditGate?
    ) -> Task<Void, Never> {
        switch entry.handler {
        case .unary(let handler):
            Task {
                do {
                    let answer = try await handler(payload, context)
                    guard answer.readableBytes <= limits.messageBytesMax else {
                        throw RPCError.answerTooLarge(answer.readableBytes, limits)
                    }
                    let charge = answer.readableBytes + CallLimits.messageOverheadBytes
                    try await outboundGate.acquire(charge)
                    onLoop { $0.end(id, .success(answer), charge: charge) }
                } catch {
                    fail(error, context, id: id)
                }
            }
        case .serverStreaming(let handler):
            Task {
                do {
                    try await handler(payload, context, writer(id: id, gate: gate))
                    onLoop { $0.end(id, .success(ByteBuffer()), charge: 0) }
                } catch {
                    fail(error, context, id: id)
                }
            }
        }
    }

    private func writer(id: UInt32, gate: CreditGate?) -> PayloadWriter {
        PayloadWriter { payload in
            guard payload.readableBytes <= limits.messageBytesMax else {
                throw RPCError.answerTooLarge(payload.readableBytes, limits)
            }
            let charge = payload.readableBytes + CallLimits.messageOverheadBytes
            try await gate?.acquire(charge)
            try await outboundGate.acquire(charge)
            onLoop { $0.message(id, payload, charge: charge) }
        }
    }

    private func fail(_ error: any Error, _ context: ServerContext, id: UInt32) {
        let leaving = RPCError.leaving(error, requestID: context.requestID, limits: limits)
        if leaving.code == .internalError {
            logger.error(
                "a call failed",
                metadata: [
                    "method": "\(context.method.fullName)", "peer": "\(context.peer)",
                    "request-id": "\(context.requestID)", "error": "\(error)",
                ])
        }
        onLoop { $0.end(id, .failure(leaving), charge: 0) }
    }
}

extension RPCError {
    static func answerTooLarge(_ bytes: Int, _ limits: CallLimits) -> RPCError {
        RPCError(
            .resourceExhausted, reason: "ANSWER_TOO_LARGE",
            message: "The answer has \(bytes) bytes; \(limits.messageBytesMax) are allowed. "
                + "Ask for less.")
    }
}

extension ServerConnection {
    /// What other threads may ask of a connection.
    struct Handle: Sendable {
        let connection: NIOLoopBound<ServerConnection>
        let eventLoop: any EventLoop

        func drain() {
            eventLoop.execute { connection.value.drain() }
        }

        /// Ends the calls under way with UNAVAILABLE, then the connection.
        func stop() {
            eventLoop.execute { connection.value.stop() }
        }

        func figures() async -> [(RPCMetrics.Key, MethodFigures)] {
            let figures = try? await eventLoop.submit { connection.value.figures() }.get()
            return figures ?? []
        }
    }

    func makeHandle(_ eventLoop: any EventLoop) -> Handle {
        Handle(connection: NIOLoopBound(self, eventLoop: eventLoop), eventLoop: eventLoop)
    }

    func stop() {
        drain()
        let error = RPCError(
            .unavailable, reason: "SERVER_STOPPING", message: "The server is stopping.")
        for stream in streams.values { giveUp(stream, error) }
        finishDraining()
    }
}
