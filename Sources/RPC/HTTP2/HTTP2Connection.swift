import Logging
import NIOCore
import NIOHPACK
import NIOHTTP2

/// One connection of standard gRPC over HTTP/2, on its event loop.
///
/// The codec keeps the protocol's state, flow control of what is sent, and the limits on cheap
/// frames. There is no channel per stream: calls are values in a table here, calls answered from
/// memory are answered at once, and what a burst of reads gives is flushed together.
final class HTTP2Connection: ChannelInboundHandler, ReplyReceiver {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    /// What a peer may send on a stream, and on the connection, before it is given more.
    static let streamWindowBytes = 256 << 10
    static let connectionWindowBytes = 4 << 20
    /// Bytes of requests of one connection that wait for the rest of a message or for a handler.
    static let heldBytesMax = 64 << 20

    let core: ServerCore
    let peer: PeerIdentity
    var context: ChannelHandlerContext?
    var phase = ServerConnection.Phase.open
    /// By stream ID: calls that are open or whose handler runs.
    var calls: [HTTP2StreamID: HTTP2Call] = [:]
    var upkeep: ServerUpkeep
    var deadlines = DeadlineTimer()
    /// The peer has read that it must open no further streams.
    var drainIsHeard = false
    /// The newest stream whose call was looked at.
    private(set) var newestStream = HTTP2StreamID.rootStream
    /// Requests held for all calls, and answers not known to be sent.
    var heldBytes = 0
    var unsentBytes = 0
    let outboundGate: CreditGate
    private(set) var replies: ServerReplies<HTTP2Connection>?
    private let allowed: [Bool]
    private var counters: [MethodCounters?]
    private var flushIsScheduled = false
    private let requestSeed = UInt64.random(in: .min ... .max)

    init(core: ServerCore, peer: PeerIdentity) {
        self.core = core
        self.peer = peer
        self.allowed = core.index.permissions(of: peer, in: core.authorization)
        self.counters = Array(repeating: nil, count: core.index.slots.count)
        self.outboundGate = CreditGate(credit: core.limits.outboundBytesMax)
        self.upkeep = ServerUpkeep(core.limits)
    }

    /// The codec below, with limits on what a peer may make it do.
    static func codec(_ limits: ServerLimits) -> NIOHTTP2Handler {
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.streamsPerConnectionMax),
            HTTP2Setting(parameter: .initialWindowSize, value: streamWindowBytes),
            HTTP2Setting(parameter: .maxHeaderListSize, value: 16 << 10),
        ]
        connection.controlFrameRateLimit.maximumCount = min(limits.controlFramesMax, 1_000)
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.streamResetFrameRateLimit.maximumCount = min(limits.controlFramesMax, 1_000)
        return NIOHTTP2Handler(
            mode: .server, connectionConfiguration: connection, streamConfiguration: stream)
    }

    // MARK: - Life of the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        replies = ServerReplies(self, context.eventLoop, core, outboundGate: outboundGate)
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        upkeep.start(context.eventLoop, core.limits) { connection.value.inspect(.now()) }
        write(.rootStream, .windowUpdate(windowSizeIncrement: Self.connectionWindowBytes - 65_535))
        flush()
    }

    func channelInactive(context: ChannelHandlerContext) {
        close()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        close()
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        core.logger.debug(
            "an HTTP/2 error", metadata: ["peer": "\(peer)", "error": "\(error)"])
        switch error {
        // Frames that crossed the end of their stream harm nobody else.
        case is NIOHTTP2Errors.StreamError, is NIOHTTP2Errors.NoSuchStream,
            is NIOHTTP2Errors.StreamClosed:
            break
        // The codec has told the peer why.
        case is any NIOHTTP2Error:
            core.count(refusal: "HTTP2")
            phase = phase == .closed ? .closed : .failed
            closeSoon()
        default: context.close(promise: nil)
        }
    }

    /// Gives the figures away and lets go of every call. Called once or more.
    private func close() {
        guard phase != .closed else { return }
        phase = .closed
        upkeep.stop()
        deadlines.cancel()
        outboundGate.close(.callerGone)
        for call in calls.values { cancel(call) }
        calls = [:]
        core.keep(figures())
        counters = Array(repeating: nil, count: counters.count)
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .open || phase == .draining else { return }
        upkeep.read(at: .now())
        let frame = unwrapInboundIn(data)
        switch frame.payload {
        case .headers(let headers):
            if let call = calls[frame.streamID] {
                if headers.endStream { complete(call) }
            } else {
                open(frame.streamID, headers)
            }
        case .data(let data):
            guard let call = calls[frame.streamID], case .byteBuffer(let bytes) = data.data else {
                return
            }
            receive(call, bytes)
            if data.endStream { complete(call) }
        case .ping(let data, ack: true) where data == Self.drainPing: drainHeard()
        default: break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as NIOHTTP2WindowUpdatedEvent:
            guard let window = event.inboundWindowSize else { return }
            windowChanged(event.streamID, window)
        case let event as StreamClosedEvent: closed(event.streamID)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        try? context.channel.syncOptions?.setOption(.autoRead, value: isWritable)
        upkeep.writability(isWritable, at: .now())
        context.fireChannelWritabilityChanged()
    }

    // MARK: - Opening calls

    private func open(_ id: HTTP2StreamID, _ headers: HTTP2Frame.FramePayload.Headers) {
        // What crossed the go-away is still served; later calls may be sent again elsewhere.
        guard phase == .open || phase == .draining, !drainIsHeard else {
            return write(id, .rstStream(.refusedStream))
        }
        newestStream = max(newestStream, id)
        let now = NIODeadline.now()
        // Counts cancelled calls whose handler still runs; the codec counts open streams only.
        guard calls.count < core.limits.streamsPerConnectionMax else {
            return write(id, .rstStream(.refusedStream))
        }
        do {
            let call = HTTP2Call(
                id: id, started: now, admitted: try admit(id, headers.headers, now))
            calls[id] = call
            watchDeadline(call.deadline)
            if let admitted = call.admitted, admitted.entry.method.kind.takesStream {
                start(call, admitted, ByteBuffer())
            }
            if headers.endStream { complete(call) }
        } catch {
            let call = HTTP2Call(id: id, started: now, admitted: nil)
            call.isComplete = headers.endStream
            calls[id] = call
            refuse(call, error)
        }
    }

    /// The method and what its handler is told, if the call may be made.
    private func admit(
        _ id: HTTP2StreamID, _ headers: HPACKHeaders, _ now: NIODeadline
    ) throws -> HTTP2Call.Admitted {
        var head = try GRPCRequestHead(headers)
        let slot = head.method.withUTF8 { core.index.find(UnsafeRawBufferPointer($0)) }
        guard let slot else { throw RPCError.unknownMethod(head.method) }
        let entry = core.index.slots[slot].entry
        let counters = counters(slot)
        do {
            guard allowed[slot] else { throw RPCError.notAllowed(peer, entry.method.fullName) }
            try core.limits.call.check(metadata: head.metadata)
        } catch let error as RPCError {
            counters.end(status: error.code, nanoseconds: now.nanosecondsAgo)
            throw error
        }
        let context = ServerContext(
            method: entry.method, peer: peer,
            deadline: core.limits.call.deadline(
                timeout: head.timeout, kind: entry.method.kind, now: now),
            metadata: head.metadata,
            requestID: RequestID.text(requestSeed &+ UInt64(Int(id))))
        return HTTP2Call.Admitted(
            slot: slot, entry: entry, context: context, counters: counters, isGzip: head.isGzip,
            acceptsGzip: head.acceptsGzip)
    }

    /// Answers a stream that is no call this server takes.
    private func refuse(_ call: HTTP2Call, _ error: any Error) {
        switch error {
        case GRPCRequestHead.Refusal.http(let status):
            finish(call, [":status": "\(status)", "content-type": "text/plain"])
        case GRPCRequestHead.Refusal.status(let code, let reason, let message):
            let error = RPCError(code, reason: reason, message: message)
            finish(call, GRPCStatus.trailers(error, isOnly: true))
        default:
            let leaving = RPCError.leaving(error, requestID: "", limits: core.limits.call)
            if leaving.reason == "UNKNOWN_METHOD" { core.count(refusal: leaving.reason) }
            finish(call, GRPCStatus.trailers(leaving, isOnly: true))
        }
    }

    // MARK: - Figures

    func counters(_ method: Int) -> MethodCounters {
        if let counters = counters[method] { return counters }
        let fresh = MethodCounters()
        counters[method] = fresh
        return fresh
    }

    func figures() -> [(RPCMetrics.Key, MethodFigures)] {
        zip(core.index.slots, counters).enumerated().compactMap { index, pair in
            guard var figures = pair.1?.figures else { return nil }
            figures.inFlight = calls.values.count { $0.admitted?.slot == index }
            let key = RPCMetrics.Key(method: pair.0.entry.method.fullName, peer: peer)
            return (key, figures)
        }
    }

    // MARK: - Writing

    func write(
        _ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload,
        promise: EventLoopPromise<Void>? = nil
    ) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(
            wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: promise)
    }

    func flush() { context?.flush() }

    /// Flushes once all that this turn of the event loop gives is there.
    func scheduleFlush() {
        guard !flushIsScheduled, let replies else { return }
        flushIsScheduled = true
        replies.onLoop { connection in
            connection.flushIsScheduled = false
            connection.flush()
        }
    }
}
