import DequeModule
import Logging
import NIOCore

/// One connection of the native wire to a server, on its event loop.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// The server has not sent its settings yet.
        case opening
        case open
        /// No new calls; closes when the last has ended.
        case draining
        case closed
    }

    private struct Active {
        let call: ClientCall
        /// What the server may still send on the stream.
        var credit: Int
    }

    private let configuration: ClientConfiguration
    /// "service/directory@eu-west-1 at 127.0.0.1:7001", for messages.
    private let peerName: String
    private let opened: EventLoopPromise<Void>
    private let onUnusable: @Sendable () -> Void
    private var context: ChannelHandlerContext?
    private var phase = Phase.opening
    private var active: [UInt32: Active] = [:]
    private var waiting: Deque<ClientCall> = []
    private var received = FrameBuffer(frameBytesMax: WireLimits.defaultFrameBytesMax)
    private var outbound = ByteBuffer()
    private var nextStreamID: UInt32 = 1
    private var streamsMax = WireLimits.defaultStreamsMax
    /// What the server lets each stream of requests send to begin with.
    private var requestCredit = WireLimits.defaultStreamCreditBytes
    private var failure: RPCError?
    private var lastRead = NIODeadline.now()
    /// When the server was asked whether it is there; nil once something has come from it.
    private var askedAt: NIODeadline?
    private var upkeep: RepeatedTask?
    private var nextDeadline: NIODeadline?
    private var deadlineTimer: Scheduled<Void>?

    /// `opened` succeeds when the server is ready for calls. `onUnusable` is called once, when no
    /// new call may use the connection any more.
    init(
        configuration: ClientConfiguration, peerName: String, opened: EventLoopPromise<Void>,
        onUnusable: @escaping @Sendable () -> Void
    ) {
        self.configuration = configuration
        self.peerName = peerName
        self.opened = opened
        self.onUnusable = onUnusable
    }

    // MARK: - Life of the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        var settings = WireSettings()
        settings.frameBytesMax = UInt32(clamping: WireLimits.defaultFrameBytesMax)
        settings.streamCreditBytes = UInt32(clamping: configuration.limits.streamCreditBytes)
        outbound.writeFrame(streamID: 0, .settings(settings))
        flush()
        let interval = TimeAmount(max(configuration.keepAliveInterval, .milliseconds(10)))
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        upkeep = context.eventLoop.scheduleRepeatedTask(
            initialDelay: interval, delay: interval
        ) { _ in connection.value.inspect(interval) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        close(
            failure
                ?? RPCError(
                    .unavailable, reason: "CONNECTION_LOST",
                    message: "The connection to \(peerName) ended."))
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        close(.channelClosed)
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if failure == nil { failure = .connectionFailed(peerName, error) }
        context.close(promise: nil)
    }

    private func close(_ error: RPCError) {
        guard phase != .closed else { return }
        let wasUsable = phase != .draining
        phase = .closed
        upkeep?.cancel()
        deadlineTimer?.cancel()
        opened.fail(error)
        if wasUsable { onUnusable() }
        let (sent, unsent) = (active, waiting)
        active = [:]
        waiting = []
        for active in sent.values { active.call.fail(error) }
        for call in unsent { call.fail(error, mayHaveRun: false) }
    }

    /// Ends the connection; calls under way fail with the error.
    func stop(_ error: RPCError) {
        failure = error
        context?.close(promise: nil)
    }

    // MARK: - Calls

    func start(_ call: ClientCall) {
        guard phase == .open else {
            return call.fail(
                RPCError(
                    .unavailable, reason: "CONNECTION_LOST",
                    message: "The connection to \(peerName) ended."), mayHaveRun: false)
        }
        guard !call.hasEnded else { return }
        if active.count >= streamsMax {
            guard waiting.count < configuration.waitingCallsMax else {
                return call.fail(
                    RPCError(
                        .resourceExhausted, reason: "TOO_MANY_CALLS",
                        message: "\(waiting.count) calls to \(peerName) wait already."),
                    mayHaveRun: false)
            }
            waiting.append(call)
        } else {
            send(call)
        }
        watchDeadline(call.deadline.instant)
    }

    private func send(_ call: ClientCall) {
        let id = nextStreamID
        nextStreamID += 1
        call.streamID = id
        active[id] = Active(call: call, credit: configuration.limits.streamCreditBytes)
        var microseconds: UInt64 = 0
        if call.deadline != .never {
            let remaining = (call.deadline.instant - .now()).nanoseconds / 1000
            microseconds = UInt64(max(1, remaining))
        }
        outbound.writeCall(
            streamID: id, method: call.method.fullName, timeoutMicroseconds: microseconds,
            metadata: call.metadata, payload: call.request,
            isLast: call.requests?.hasEnded ?? true)
        call.requests?.gate.grant(requestCredit)
        // Far from the end of the numbers another connection takes over.
        if nextStreamID > UInt32.max - (1 << 20) { drain() }
    }

    /// The caller no longer wants the answer.
    func cancel(_ call: ClientCall) {
        if let id = call.streamID, active.removeValue(forKey: id) != nil {
            outbound.writeFrame(streamID: id, .cancel(WireCancel()))
            afterEnd()
            flush()
        }
    }

    /// One more request of a stream of them.
    func message(_ call: ClientCall, _ payload: ByteBuffer) {
        guard let id = call.streamID, active[id] != nil else { return }
        outbound.writeMessage(streamID: id, payload: payload)
        flush()
    }

    /// The last request is sent, or will be when the call is.
    func endRequests(_ call: ClientCall) {
        call.requests?.hasEnded = true
        guard let id = call.streamID, active[id] != nil else { return }
        var end = WireMessage()
        end.endOfRequests = true
        outbound.writeFrame(streamID: id, .message(end))
        flush()
    }

    /// The consumer of a stream made room.
    func grant(_ call: ClientCall, _ bytes: Int) {
        guard let id = call.streamID, active[id] != nil else { return }
        active[id]?.credit += bytes
        outbound.writeCredit(streamID: id, bytes)
        flush()
    }

    /// Uses the place that an ended call left.
    private func afterEnd() {
        while active.count < streamsMax, phase == .open, let call = waiting.popFirst() {
            if !call.hasEnded { send(call) }
        }
        if phase == .draining, active.isEmpty { context?.close(promise: nil) }
    }

    /// Opens no further calls here.
    private func drain() {
        guard phase == .open || phase == .opening else { return }
        phase = .draining
        opened.fail(
            RPCError(
                .unavailable, reason: "SERVER_STOPPING", message: "\(peerName) is stopping."))
        onUnusable()
        let unsent = waiting
        waiting = []
        for call in unsent {
            call.fail(
                RPCError(
                    .unavailable, reason: "SERVER_STOPPING", message: "\(peerName) is stopping."),
                mayHaveRun: false)
        }
        afterEnd()
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .closed else { return }
        lastRead = .now()
        askedAt = nil
        received.append(unwrapInboundIn(data))
        do {
            while let frame = try received.next() { try handle(frame) }
        } catch let error as FrameError {
            stop(.unreadable(error, frameBytesMax: WireLimits.defaultFrameBytesMax))
        } catch {
            stop(error as? RPCError ?? .protocolViolation("The frame cannot be handled."))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        context.fireChannelReadComplete()
    }

    private func handle(_ frame: FrameBuffer.Frame) throws {
        let id = frame.view.streamID
        switch frame.view.kind {
        case .end: try end(id, frame)
        case .message: try message(id, frame)
        case .ping:
            if !frame.view.flag { outbound.writePing(frame.view.number, isAcknowledgement: true) }
        case .settings:
            if frame.view.settings.streamsMax > 0 {
                streamsMax = Int(frame.view.settings.streamsMax)
            }
            if frame.view.settings.streamCreditBytes > 0 {
                requestCredit = Int(clamping: frame.view.settings.streamCreditBytes)
            }
            if phase == .opening {
                phase = .open
                opened.succeed()
            }
            afterEnd()
        case .goAway: try goAway(frame)
        case .credit: active[id]?.call.requests?.gate.grant(Int(clamping: frame.view.number))
        case .call, .cancel:
            throw RPCError.protocolViolation("\(peerName) sent a frame that only clients send.")
        }
    }

    private func end(_ id: UInt32, _ frame: FrameBuffer.Frame) throws {
        guard let call = active[id]?.call else { return }
        // Until it is understood the call stays, to fail with the connection when it is not.
        let refusal = frame.view.number == 0 ? nil : try RPCError(frame: frame)
        active[id] = nil
        if let refusal {
            call.fail(refusal)
        } else {
            call.end(.success(frame.payload ?? ByteBuffer()))
        }
        afterEnd()
    }

    private func message(_ id: UInt32, _ frame: FrameBuffer.Frame) throws {
        guard let call = active[id]?.call else { return }
        guard let incoming = call.incoming, active[id].map({ $0.credit > 0 }) == true else {
            throw RPCError.protocolViolation("\(peerName) sent more than it may on a stream.")
        }
        let payload = frame.payload ?? ByteBuffer()
        active[id]?.credit -= payload.readableBytes + CallLimits.messageOverheadBytes
        incoming.push(payload)
    }

    private func goAway(_ frame: FrameBuffer.Frame) throws {
        let unseen = active.filter { $0.key > frame.view.lastStreamID }
        if frame.view.number != 0 {
            stop(try RPCError(frame: frame))
        } else {
            for (id, active) in unseen {
                self.active[id] = nil
                active.call.fail(
                    RPCError(
                        .unavailable, reason: "SERVER_STOPPING",
                        message: "\(peerName) is stopping."), mayHaveRun: false)
            }
            drain()
        }
    }

    // MARK: - Writing and time

    func flush() {
        guard let context, outbound.readableBytes > 0 else { return }
        let bytes = outbound
        outbound = ByteBuffer()
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    private func inspect(_ interval: TimeAmount) {
        guard !active.isEmpty else { return }
        let now = NIODeadline.now()
        let silence = now - lastRead
        // Counted from the question: after a pause of this process the silence may be its own.
        if let askedAt, now - askedAt >= interval {
            stop(
                RPCError(
                    .unavailable, reason: "CONNECTION_LOST",
                    message: "\(peerName) has been silent for "
                        + "\(silence.nanoseconds / 1_000_000) ms."))
        } else if silence > interval, askedAt == nil {
            askedAt = now
            outbound.writePing(0, isAcknowledgement: false)
            flush()
        }
    }

    private func watchDeadline(_ deadline: NIODeadline) {
        guard deadline != .distantFuture, let context else { return }
        if let nextDeadline, nextDeadline <= deadline { return }
        deadlineTimer?.cancel()
        nextDeadline = deadline
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        deadlineTimer = context.eventLoop.scheduleTask(deadline: deadline) {
            connection.value.deadlineReached(.now())
        }
    }

    private func deadlineReached(_ now: NIODeadline) {
        nextDeadline = nil
        var next = NIODeadline.distantFuture
        for (id, active) in active {
            if active.call.deadline.instant <= now {
                active.call.fail(.deadlineExceeded(active.call.method.fullName))
                self.active[id] = nil
                outbound.writeFrame(streamID: id, .cancel(WireCancel()))
            } else {
                next = min(next, active.call.deadline.instant)
            }
        }
        for call in waiting {
            if call.deadline.instant <= now {
                call.fail(.deadlineExceeded(call.method.fullName), mayHaveRun: false)
            } else {
                next = min(next, call.deadline.instant)
            }
        }
        waiting.removeAll { $0.hasEnded }
        afterEnd()
        flush()
        watchDeadline(next)
    }
}

extension RPCError {
    /// What went wrong below the frames.
    static func connectionFailed(_ peerName: String, _ error: any Error) -> RPCError {
        RPCError(
            .unavailable, reason: "CONNECTION_FAILED",
            message: "The connection to \(peerName) failed: "
                + "\(String(describing: error).limited(toBytes: 300)).", cause: error)
    }
}
