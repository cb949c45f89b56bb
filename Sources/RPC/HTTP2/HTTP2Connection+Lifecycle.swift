import NIOCore
import NIOHTTP2

/// How connections are kept, and how they go.
extension HTTP2Connection {
    func inspect(_ now: NIODeadline) {
        switch upkeep.due(now, hasCalls: !calls.isEmpty, core.limits) {
        case .nothing, .frameStalled: break
        case .abandon: context?.close(promise: nil)
        case .drain: drain()
        case .cutOff: stop()
        case .ping:
            write(.rootStream, .ping(HTTP2PingData(withInteger: 0), ack: false))
            flush()
        }
    }

    static let drainPing = HTTP2PingData(withInteger: 1)

    /// Tells the peer to open no further calls, and closes when the last is answered.
    ///
    /// Calls that cross the go-away on the way are served while there are others: the answer to a ping
    /// behind it, or a second, says that there are no more of them.
    func drain() {
        guard phase == .open, let context else { return }
        phase = .draining
        if calls.isEmpty { return finishDraining() }
        write(.rootStream, .goAway(lastStreamID: .maxID, errorCode: .noError, opaqueData: nil))
        write(.rootStream, .ping(Self.drainPing, ack: false))
        flush()
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .seconds(1)) { connection.value.drainHeard() }
    }

    func drainHeard() {
        drainIsHeard = true
        finishDraining()
    }

    /// Closes when no call is left. The codec takes none that come then; the number of the last one says
    /// that nobody has looked at those, so that their callers make them elsewhere (RFC 9113, 6.8).
    func finishDraining() {
        // A call that is answered may wait for the peer to take the answer.
        guard phase == .draining, calls.values.allSatisfy(\.isClosed) else { return }
        phase = .failed
        write(
            .rootStream, .goAway(lastStreamID: newestStream, errorCode: .noError, opaqueData: nil))
        flush()
        closeSoon()
    }

    /// Ends the calls under way with UNAVAILABLE, then the connection.
    func stop() {
        drain()
        for call in calls.values { giveUp(call, .serverStopping) }
        guard phase == .draining else { return }
        flush()
        closeSoon()
    }

    /// Closes once the peer has had a moment to read what was sent.
    func closeSoon() {
        guard let context else { return }
        let channel = context.channel
        try? channel.syncOptions?.setOption(.autoRead, value: true)
        context.eventLoop.scheduleTask(in: .milliseconds(200)) { channel.close(promise: nil) }
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

    // MARK: - Deadlines

    func watchDeadline(_ deadline: NIODeadline) {
        guard deadline != .distantFuture, let context else { return }
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        deadlines.watch(deadline, on: context.eventLoop) {
            connection.value.deadlineReached(.now())
        }
    }

    private func deadlineReached(_ now: NIODeadline) {
        deadlines.fired()
        var next = NIODeadline.distantFuture
        for call in calls.values where !call.isAnswered {
            if call.deadline <= now {
                let method = call.admitted?.context.method.fullName ?? ""
                giveUp(call, .deadlineExceeded(method))
            } else {
                next = min(next, call.deadline)
            }
        }
        flush()
        watchDeadline(next)
    }
}
