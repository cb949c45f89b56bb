package import Logging
package import NIOCore
import Synchronization

/// Carries calls straight to a table of methods in the same process.
///
/// Behaves as the network does: authorisation, limits, deadlines, error mapping, bounded streams
/// and cancellation are the same code. Payloads are passed as bytes, so nothing is shared.
package final class InProcessTransport: CallChannel {
    private struct Calls {
        var isClosed = false
        var nextID: UInt64 = 0
        var stops: [UInt64: @Sendable (RPCError) -> Void] = [:]
    }

    private let admission: CallAdmission
    private let peer: PeerIdentity
    private let logger: Logger
    private let calls = Mutex(Calls())

    /// Calls come from `peer`. Without a table everything registered may be called.
    package init(
        methods: MethodTable, authorization: AuthorizationTable? = nil, peer: PeerIdentity,
        limits: CallLimits = .standard, logger: Logger = Logger(label: "rpc.in-process")
    ) {
        self.admission = CallAdmission(
            methods: methods, authorization: authorization, limits: limits)
        self.peer = peer
        self.logger = logger
    }

    package func unary(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> ByteBuffer {
        let (entry, context) = try admit(method, request: request, options: options)
        guard case .unary(let handler) = entry.handler else {
            throw RPCError.wrongKind(method.fullName)
        }
        switch entry.immediate?(request, context) {
        case .answer(let answer): return try checked(answer, context)
        case .failure(let error): throw leaving(error, context)
        case .later, nil: break
        }
        let race = Race<ByteBuffer>()
        let id = try enter { race.stop($0) }
        defer { leave(id) }
        do {
            let answer = try await race.run(
                until: context.deadline, late: .deadlineExceeded(method.fullName)
            ) { try await handler(request, context) }
            try admission.limits.check(message: answer)
            return answer
        } catch {
            throw leaving(error, context)
        }
    }

    package func serverStreaming(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> PayloadStream {
        let (entry, context) = try admit(method, request: request, options: options)
        guard case .serverStreaming(let handler) = entry.handler else {
            throw RPCError.wrongKind(method.fullName)
        }
        let race = Race<Void>()
        let gate = CreditGate(credit: admission.limits.streamCreditBytes)
        let incoming = IncomingStream(
            onTaken: { gate.grant($0) }, onAbandoned: { race.stop(.callerGone) })
        let limits = admission.limits
        let writer = PayloadWriter { payload in
            try limits.check(message: payload)
            try await gate.acquire(payload.readableBytes + CallLimits.messageOverheadBytes)
            incoming.push(payload)
        }
        let id = try enter { race.stop($0) }
        Task {
            do {
                try await race.run(
                    until: context.deadline, late: .deadlineExceeded(method.fullName)
                ) { try await handler(request, context, writer) }
                incoming.finish()
            } catch {
                let error = self.leaving(error, context)
                gate.close(error)
                incoming.finish(error)
            }
            self.leave(id)
        }
        return PayloadStream(incoming)
    }

    package func close() async {
        let stops = calls.withLock { calls in
            calls.isClosed = true
            return Array(calls.stops.values)
        }
        for stop in stops { stop(.channelClosed) }
    }

    private func admit(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) throws -> (MethodTable.Entry, ServerContext) {
        try admission.limits.check(message: request)
        try admission.limits.check(metadata: options.metadata)
        if calls.withLock({ $0.isClosed }) { throw RPCError.channelClosed }
        let entry = try admission.entry(method.fullName, peer: peer)
        let context = ServerContext(
            method: entry.method, peer: peer,
            deadline: admission.limits.deadline(timeout: options.timeout, kind: entry.method.kind),
            metadata: options.metadata, requestID: RequestID.random())
        if context.deadline.hasPassed { throw RPCError.deadlineExceeded(method.fullName) }
        return (entry, context)
    }

    private func checked(_ answer: ByteBuffer, _ context: ServerContext) throws -> ByteBuffer {
        do {
            try admission.limits.check(message: answer)
            return answer
        } catch {
            throw leaving(error, context)
        }
    }

    private func leaving(_ error: any Error, _ context: ServerContext) -> RPCError {
        let leaving = RPCError.leaving(
            error, requestID: context.requestID, limits: admission.limits)
        if leaving.code == .internalError {
            logger.error(
                "a call failed",
                metadata: [
                    "method": "\(context.method.fullName)", "request-id": "\(context.requestID)",
                    "error": "\(error)",
                ])
        }
        return leaving
    }

    private func enter(_ stop: @escaping @Sendable (RPCError) -> Void) throws -> UInt64 {
        try calls.withLock { calls in
            guard !calls.isClosed else { throw RPCError.channelClosed }
            calls.nextID += 1
            calls.stops[calls.nextID] = stop
            return calls.nextID
        }
    }

    private func leave(_ id: UInt64) { calls.withLock { _ = $0.stops.removeValue(forKey: id) } }
}
