import NIOCore
import NIOHPACK
import NIOHTTP2

/// Requests on their way to handlers, and answers on their way back.
extension HTTP2Connection {
    // MARK: - Requests

    /// Bytes of requests. Those of calls that are answered already are dropped.
    func receive(_ call: HTTP2Call, _ bytes: ByteBuffer) {
        guard !call.isAnswered, let admitted = call.admitted else { return }
        hold(call, bytes.readableBytes)
        call.received.append(bytes)
        do throws(RPCError) {
            try checkHeld()
            var inflated = call.received.inflatedBytes
            while let message = try call.received.next(core.limits.call) {
                hold(call, call.received.inflatedBytes - inflated)
                inflated = call.received.inflatedBytes
                try checkHeld()
                admitted.counters.figures.requestBytes &+= UInt64(message.readableBytes)
                if let requests = call.requests {
                    hold(call, CallLimits.messageOverheadBytes - GRPCMessageBuffer.prefixBytes)
                    requests.push(message)
                } else {
                    guard call.request == nil else {
                        throw RPCError.wrongKind(admitted.context.method.fullName)
                    }
                    call.request = message
                }
            }
        } catch {
            giveUp(call, error)
        }
    }

    private func checkHeld() throws(RPCError) {
        guard heldBytes > Self.heldBytesMax else { return }
        throw RPCError(
            .resourceExhausted, reason: "TOO_MANY_REQUEST_BYTES",
            message: "\(heldBytes) bytes of requests wait on this connection.")
    }

    /// The peer has sent its last request.
    func complete(_ call: HTTP2Call) {
        call.isComplete = true
        guard !call.isAnswered, let admitted = call.admitted else { return }
        guard call.received.heldBytes == 0 else {
            return giveUp(
                call,
                RPCError(
                    .invalidArgument, reason: "MALFORMED_MESSAGE",
                    message: "The request ends within a message."))
        }
        if let requests = call.requests { return requests.finish() }
        guard let request = call.request else {
            return giveUp(call, .wrongKind(admitted.context.method.fullName))
        }
        call.request = nil
        // What cost the peer little to send counts until it is answered.
        if call.received.inflatedBytes == 0 { hold(call, -call.heldBytes) }
        answer(call, admitted, request)
    }

    /// A unary call or one with a streamed answer has its request.
    private func answer(_ call: HTTP2Call, _ admitted: HTTP2Call.Admitted, _ request: ByteBuffer) {
        guard unsentBytes <= core.limits.outboundBytesMax else {
            return start(call, admitted, request)
        }
        switch admitted.entry.immediateAnswer(request, admitted.context, core.limits.call) {
        case .answer(let answer):
            guard answer.readableBytes <= core.limits.call.messageBytesMax else {
                return giveUp(call, .answerTooLarge(answer.readableBytes, core.limits.call))
            }
            call.unsentBytes = answer.readableBytes
            unsentBytes += answer.readableBytes
            succeed(call, admitted, answer, charge: 0)
        case .failure(let error):
            giveUp(
                call,
                .leaving(
                    error, requestID: admitted.context.requestID, limits: core.limits.call))
        case .later, .written: start(call, admitted, request)
        }
    }

    /// Lets the handler answer in a task of its own.
    func start(_ call: HTTP2Call, _ admitted: HTTP2Call.Admitted, _ request: ByteBuffer) {
        guard let replies else { return }
        let kind = admitted.entry.method.kind
        if kind.givesStream { call.gate = CreditGate(credit: Self.streamWindowBytes) }
        let id = UInt32(Int(call.id))
        if kind.takesStream {
            let debt = CreditDebt(threshold: Self.streamWindowBytes / 8)
            call.requests = IncomingStream(
                onTaken: { bytes in
                    if let taken = debt.add(bytes) { replies.onLoop { $0.taken(id, taken) } }
                }, onAbandoned: {})
        }
        call.task = replies.run(
            admitted.entry, request, call.requests.map { PayloadStream($0) }, admitted.context,
            id: id, gate: call.gate)
    }

    /// The handler has taken requests.
    private func taken(_ id: UInt32, _ bytes: Int) {
        guard let call = calls[HTTP2StreamID(Int(id))] else { return }
        hold(call, -min(bytes, call.heldBytes))
        giveWindow(call)
        scheduleFlush()
    }

    private func hold(_ call: HTTP2Call, _ bytes: Int) {
        call.heldBytes += bytes
        heldBytes += bytes
    }

    // MARK: - Flow control of requests

    func windowChanged(_ id: HTTP2StreamID, _ window: Int) {
        if id == .rootStream {
            let increment = Self.connectionWindowBytes - window
            if increment >= Self.connectionWindowBytes / 4, phase != .failed, phase != .closed {
                write(.rootStream, .windowUpdate(windowSizeIncrement: increment))
            }
        } else if let call = calls[id] {
            call.window = window
            giveWindow(call)
        }
    }

    private func giveWindow(_ call: HTTP2Call) {
        let increment = call.windowIncrement
        if increment > 0, !call.isClosed {
            write(call.id, .windowUpdate(windowSizeIncrement: increment))
        }
    }

    // MARK: - Answers

    func message(_ id: UInt32, _ payload: ByteBuffer, charge: Int) {
        guard let call = calls[HTTP2StreamID(Int(id))], let admitted = call.admitted,
            !call.isAnswered, phase == .open || phase == .draining
        else { return outboundGate.grant(charge) }
        admitted.counters.figures.responseBytes &+= UInt64(payload.readableBytes)
        writeMessage(call, payload, charge: charge)
        scheduleFlush()
    }

    func end(_ id: UInt32, _ result: Result<ByteBuffer, RPCError>, charge: Int) {
        guard let call = calls[HTTP2StreamID(Int(id))], let admitted = call.admitted else {
            return outboundGate.grant(charge)
        }
        call.task = nil
        if call.isAnswered {
            outboundGate.grant(charge)
        } else {
            switch result {
            case .success(let answer): succeed(call, admitted, answer, charge: charge)
            case .failure(let error): giveUp(call, error)
            }
        }
        forget(call)
        scheduleFlush()
        if phase == .draining { finishDraining() }
    }

    /// Writes the answer, unless messages were streamed before, and the end.
    private func succeed(
        _ call: HTTP2Call, _ admitted: HTTP2Call.Admitted, _ answer: ByteBuffer, charge: Int
    ) {
        if admitted.entry.method.kind.givesStream {
            outboundGate.grant(charge)
            writeHeaders(call)
        } else {
            admitted.counters.figures.responseBytes &+= UInt64(answer.readableBytes)
            writeMessage(call, answer, charge: charge)
        }
        admitted.counters.end(status: .ok, nanoseconds: call.started.nanosecondsAgo)
        finish(call, GRPCStatus.ok)
    }

    private func writeHeaders(_ call: HTTP2Call) {
        guard !call.hasSentHeaders else { return }
        call.hasSentHeaders = true
        write(
            call.id,
            .headers(
                .init(
                    headers: call.compressesAnswers
                        ? GRPCStatus.gzipResponseHeaders : GRPCStatus.responseHeaders)))
    }

    private func writeMessage(_ call: HTTP2Call, _ payload: ByteBuffer, charge: Int) {
        writeHeaders(call)
        let compressed = call.compressesAnswers ? Gzip.compress(payload) : nil
        let framed = GRPCMessageBuffer.framed(
            compressed ?? payload, isCompressed: compressed != nil)
        let data = HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(framed)))
        guard charge > 0, let context else { return write(call.id, data) }
        // Done once the peer's windows and the system have let it through.
        let written = context.eventLoop.makePromise(of: Void.self)
        upkeep.writeStarted(at: .now())
        written.futureResult.assumeIsolated().whenComplete { [outboundGate, gate = call.gate] _ in
            self.upkeep.writeEnded(at: .now())
            outboundGate.grant(charge)
            gate?.grant(charge)
        }
        write(call.id, data, promise: written)
    }

    /// Writes the last headers of a stream. A peer that goes on sending is told to stop, after a
    /// while: some clients forget an answer when a reset follows it at once.
    func finish(_ call: HTTP2Call, _ trailers: HPACKHeaders) {
        call.isAnswered = true
        call.hasSentHeaders = true
        hold(call, -call.heldBytes)
        write(call.id, .headers(.init(headers: trailers, endStream: true)))
        guard !call.isComplete, !call.isClosed, let replies, let context else { return }
        let id = call.id
        context.eventLoop.scheduleTask(in: .seconds(1)) { replies.onLoop { $0.reset(id) } }
    }

    private func reset(_ id: HTTP2StreamID) {
        guard let call = calls[id], !call.isClosed else { return }
        write(id, .rstStream(.noError))
        flush()
    }

    /// Answers a call with a failure, and stops its handler.
    func giveUp(_ call: HTTP2Call, _ error: RPCError) {
        guard !call.isAnswered else { return }
        call.admitted?.counters.end(status: error.code, nanoseconds: call.started.nanosecondsAgo)
        call.stop(error)
        finish(call, GRPCStatus.trailers(error, isOnly: !call.hasSentHeaders))
    }

    // MARK: - Ends of streams

    /// The stream is over, by its ends or by a reset.
    func closed(_ id: HTTP2StreamID) {
        guard let call = calls[id] else { return }
        call.isClosed = true
        unsentBytes -= call.unsentBytes
        call.unsentBytes = 0
        cancel(call)
        forget(call)
        if phase == .draining { finishDraining() }
    }

    /// Nobody waits for the call any more.
    func cancel(_ call: HTTP2Call) {
        guard !call.isAnswered else { return }
        call.admitted?.counters.end(
            status: .cancelled, nanoseconds: call.started.nanosecondsAgo)
        call.stop(.callerGone)
        hold(call, -call.heldBytes)
    }

    /// Lets go of a call once its stream is closed and its handler has ended.
    private func forget(_ call: HTTP2Call) {
        if call.isClosed, call.task == nil { calls[call.id] = nil }
    }
}
