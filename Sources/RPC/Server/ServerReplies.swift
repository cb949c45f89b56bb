import Logging
import NIOCore

/// Runs handlers in tasks and brings what they give back to the connection's event loop.
struct ServerReplies<Connection: ReplyReceiver>: Sendable {
    private let connection: NIOLoopBound<Connection>
    private let eventLoop: any EventLoop
    private let limits: CallLimits
    private let outboundGate: CreditGate
    private let logger: Logger

    init(
        _ connection: Connection, _ eventLoop: any EventLoop, _ core: ServerCore,
        outboundGate: CreditGate
    ) {
        self.connection = NIOLoopBound(connection, eventLoop: eventLoop)
        self.eventLoop = eventLoop
        self.limits = core.limits.call
        self.outboundGate = outboundGate
        self.logger = core.logger
    }

    func onLoop(_ body: @escaping @Sendable (Connection) -> Void) {
        let connection = connection
        eventLoop.execute { body(connection.value) }
    }

    /// Starts the handler of a call. `requests` is there when the method takes a stream of them,
    /// `payload` otherwise; `gate` when it gives a stream of answers.
    func run(
        _ entry: MethodTable.Entry, _ payload: ByteBuffer, _ requests: PayloadStream?,
        _ context: ServerContext, id: UInt32, gate: CreditGate?
    ) -> Task<Void, Never> {
        Task {
            do {
                let answer = try await CallScope.$current.withValue(CallScope(context)) {
                    try await call(entry, payload, requests, context, id: id, gate: gate)
                }
                guard let answer else {
                    return onLoop { $0.end(id, .success(ByteBuffer()), charge: 0) }
                }
                try check(answer)
                let charge = answer.readableBytes + CallLimits.messageOverheadBytes
                try await outboundGate.acquire(charge)
                onLoop { $0.end(id, .success(answer), charge: charge) }
            } catch {
                fail(error, context, id: id)
            }
        }
    }

    /// The one answer; nil when they were streamed.
    private func call(
        _ entry: MethodTable.Entry, _ payload: ByteBuffer, _ requests: PayloadStream?,
        _ context: ServerContext, id: UInt32, gate: CreditGate?
    ) async throws -> ByteBuffer? {
        switch (entry.handler, requests) {
        case (.unary(let handler), _):
            return try await handler(payload, context)
        case (.serverStreaming(let handler), _):
            try await handler(payload, context, writer(id: id, gate: gate))
        case (.clientStreaming(let handler), let requests?):
            return try await handler(requests, context)
        case (.bidirectionalStreaming(let handler), let requests?):
            try await handler(requests, context, writer(id: id, gate: gate))
        case (.clientStreaming, nil), (.bidirectionalStreaming, nil):
            throw RPCError.wrongKind(context.method.fullName)
        }
        return nil
    }

    private func writer(id: UInt32, gate: CreditGate?) -> PayloadWriter {
        PayloadWriter { payload in
            try check(payload)
            let charge = payload.readableBytes + CallLimits.messageOverheadBytes
            try await gate?.acquire(charge)
            try await outboundGate.acquire(charge)
            onLoop { $0.message(id, payload, charge: charge) }
        }
    }

    private func check(_ answer: ByteBuffer) throws {
        guard answer.readableBytes <= limits.messageBytesMax else {
            throw RPCError.answerTooLarge(answer.readableBytes, limits)
        }
    }

    private func fail(_ error: any Error, _ context: ServerContext, id: UInt32) {
        let leaving = RPCError.leaving(error, requestID: context.requestID, limits: limits)
        if leaving.code == .internalError {
            logger.error(
                "a call failed",
                metadata: [
                    "method": "\(context.method.fullName)", "peer": "\(context.peer)",
                    "request-id": "\(context.requestID)",
                    "trace-id": "\(context.trace?.traceID ?? "none")", "error": "\(error)",
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

    static var serverStopping: RPCError {
        RPCError(.unavailable, reason: "SERVER_STOPPING", message: "The server is stopping.")
    }
}
