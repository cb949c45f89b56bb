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
        let (entry, context) = try admit(method, options: options)
        try admission.limits.check(message: request)
        guard case .unary(let handler) = entry.handler else {
            throw RPCError.wrongKind(method.fullName)
        }
        switch entry.immediateAnswer(request, context, admission.limits) {
        case .answer(let answer): return try checked(answer, context)
        case .failure(let error): throw leaving(error, context)
        case .later, .written: break
        }
        return try await answer(context) { try await handler(request, context) }
    }

    package func clientStreaming(
        _ method: MethodDescriptor, options: CallOptions, requests: @escaping RequestProducer
    ) async throws -> ByteBuffer {
        let (entry, context) = try admit(method, options: options)
        guard case .clientStreaming(let handler) = entry.handler else {
            throw RPCError.wrongKind(method.fullName)
        }
        let pipe = RequestPipe(limits: admission.limits)
        defer { pipe.stop(.callerGone) }
        return try await answer(context) { race in
            pipe.start(requests) { race.stop($0) }
        } handler: {
            try await handler(pipe.stream, context)
        }
    }

    /// Runs a handler that answers once.
    private func answer(
        _ context: ServerContext, starting: (Race<ByteBuffer>) -> Void = { _ in },
        handler: @escaping @Sendable () async throws -> ByteBuffer
    ) async throws -> ByteBuffer {
        let race = Race<ByteBuffer>()
        let id = try enter { race.stop($0) }
        defer { leave(id) }
        starting(race)
        do {
            let answer = try await race.run(
                until: context.deadline, late: .deadlineExceeded(context.method.fullName)
            ) {
                try await CallScope.$current.withValue(CallScope(context)) { try await handler() }
            }
            try admission.limits.check(message: answer)
            return answer
        } catch {
            throw leaving(error, context)
        }
    }

    package func serverStreaming(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> PayloadStream {
        let (entry, context) = try admit(method, options: options)
        try admission.limits.check(message: request)
        guard case .serverStreaming(let handler) = entry.handler else {
            throw RPCError.wrongKind(method.fullName)
        }
        return try answers(context, requests: nil) { writer in
            try await handler(request, context, writer)
        }
    }

    package func bidirectionalStreaming(
        _ method: MethodDescriptor, options: CallOptions, requests: @escaping RequestProducer
    ) async throws -> PayloadStream {
        let (entry, context) = try admit(method, options: options)
        guard case .bidirectionalStreaming(let handler) = entry.handler else {
            throw RPCError.wrongKind(method.fullName)
        }
        let pipe = RequestPipe(limits: admission.limits)
        return try answers(context, requests: (pipe, requests)) { writer in
            try await handler(pipe.stream, context, writer)
        }
    }

    /// Runs a handler that gives a stream of answers.
    private func answers(
        _ context: ServerContext, requests: (pipe: RequestPipe, produce: RequestProducer)?,
        handler: @escaping RequestProducer
    ) throws -> PayloadStream {
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
        let pipe = requests?.pipe
        if let requests { requests.pipe.start(requests.produce) { race.stop($0) } }
        Task {
            do {
                try await race.run(
                    until: context.deadline, late: .deadlineExceeded(context.method.fullName)
                ) {
                    try await CallScope.$current.withValue(CallScope(context)) {
                        try await handler(writer)
                    }
                }
                incoming.finish()
            } catch {
                let error = self.leaving(error, context)
                gate.close(error)
                incoming.finish(error)
            }
            pipe?.stop(.callerGone)
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
        _ method: MethodDescriptor, options: CallOptions
    ) throws -> (MethodTable.Entry, ServerContext) {
        let metadata = options.outgoingMetadata
        try admission.limits.check(metadata: metadata)
        if calls.withLock({ $0.isClosed }) { throw RPCError.channelClosed }
        let entry = try admission.entry(method.fullName, peer: peer)
        let context = ServerContext(
            method: entry.method, peer: peer,
            deadline: min(
                admission.limits.deadline(timeout: options.timeout, kind: entry.method.kind),
                options.deadline),
            metadata: metadata, requestID: RequestID.random())
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
