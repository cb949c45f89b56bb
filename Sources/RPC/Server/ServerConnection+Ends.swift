import Logging
import NIOCore

/// How calls and the connection come to their end.
extension ServerConnection {
    // MARK: - What handlers give

    /// A message of a streamed answer; its cost was charged to `outboundGate`.
    func message(_ id: UInt32, _ payload: ByteBuffer, charge: Int) {
        outboundCharge += charge
        if let stream = streams[id], !stream.isAnswered, phase != .failed {
            outbound.writeMessage(streamID: id, payload: payload)
            counters(stream.method).figures.responseBytes &+= UInt64(payload.readableBytes)
        }
        scheduleFlush()
    }

    /// The handler has ended, with the answer of a unary call.
    func end(_ id: UInt32, _ result: Result<ByteBuffer, RPCError>, charge: Int) {
        outboundCharge += charge
        if let stream = streams.removeValue(forKey: id), !stream.isAnswered, phase != .failed {
            let counters = counters(stream.method)
            switch result {
            case .success(let answer):
                outbound.writeAnswer(streamID: id, payload: answer)
                counters.figures.responseBytes &+= UInt64(answer.readableBytes)
                counters.end(status: .ok, nanoseconds: stream.started.nanosecondsAgo)
            case .failure(let error):
                outbound.writeFailure(streamID: id, error)
                counters.end(status: error.code, nanoseconds: stream.started.nanosecondsAgo)
            }
        }
        scheduleFlush()
        if phase == .draining { finishDraining() }
    }

    /// Answers a call that its handler has not answered, and stops the handler.
    func giveUp(_ stream: ServerStream, _ error: RPCError) {
        guard !stream.isAnswered else { return }
        outbound.writeFailure(streamID: stream.id, error)
        counters(stream.method).end(
            status: error.code, nanoseconds: stream.started.nanosecondsAgo)
        stream.stop(error)
    }

    // MARK: - Going away

    /// Tells the peer to open no further calls, and closes when the last is answered.
    func drain(_ reason: RPCError? = nil) {
        guard phase == .open else { return }
        phase = .draining
        outbound.writeGoAway(lastStreamID: highestStreamID, reason)
        flush()
        finishDraining()
    }

    func finishDraining() {
        guard phase == .draining, streams.values.allSatisfy(\.isAnswered) else { return }
        flush()
        closeSoon()
    }

    /// Ends the calls under way with UNAVAILABLE, then the connection.
    func stop() {
        drain()
        for stream in streams.values { giveUp(stream, .serverStopping) }
        finishDraining()
    }

    /// What other threads may ask of the connection.
    func makeHandle(_ eventLoop: any EventLoop) -> ConnectionHandle {
        let connection = NIOLoopBound(self, eventLoop: eventLoop)
        return ConnectionHandle(
            drain: { eventLoop.execute { connection.value.drain() } },
            stop: { eventLoop.execute { connection.value.stop() } },
            figures: {
                let figures = try? await eventLoop.submit { connection.value.figures() }.get()
                return figures ?? []
            })
    }

    /// Ends the connection because of what the peer did.
    func fail(_ error: RPCError) {
        guard phase == .open || phase == .draining else { return }
        core.logger.debug(
            "a connection was ended", metadata: ["peer": "\(peer)", "reason": "\(error)"])
        core.count(refusal: error.reason)
        outbound.writeGoAway(lastStreamID: highestStreamID, error)
        for stream in streams.values where !stream.isAnswered {
            counters(stream.method).end(
                status: error.code, nanoseconds: stream.started.nanosecondsAgo)
            stream.stop(.callerGone)
        }
        phase = .failed
        flush()
        closeSoon()
    }
}
