import Logging
import NIOCore

/// One connection of the native wire, on its event loop.
///
/// Frames are handled as they are read. Calls answered from memory are answered at once; what a
/// burst of reads gives is written and flushed together. Other calls run in tasks of their own and
/// come back through `ServerReplies`.
final class ServerConnection: ChannelInboundHandler, ReplyReceiver {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        case open
        /// No new calls; closes when the last has its end.
        case draining
        /// The go-away with the error is sent; what still comes in is dropped.
        case failed
        case closed
    }

    let core: ServerCore
    let peer: PeerIdentity
    var context: ChannelHandlerContext?
    var phase = Phase.open
    /// By stream ID: calls whose handler runs.
    var streams: [UInt32: ServerStream] = [:]
    /// The answers of this burst of reads, and whatever else is to be sent with them.
    var burst: AnswerTarget
    var outbound: ByteBuffer {
        get { burst.buffer }
        _modify { yield &burst.buffer }
    }
    /// What in `outbound` was charged to `outboundGate`.
    var outboundCharge = 0
    let outboundGate: CreditGate
    var upkeep: ServerUpkeep
    var deadlines = DeadlineTimer()
    var replies: ServerReplies<ServerConnection>?

    let allowed: [Bool]
    private var counters: [MethodCounters?]
    var countersInBurst: [MethodCounters] = []
    /// The method of the last call answered from memory: the next is most likely the same.
    var usual: UsualMethod?
    /// The last call that the fast path left to the handler, which needs not be asked about it again.
    var leftToHandler: UInt32 = 0
    private var received: FrameBuffer
    var highestStreamID: UInt32 = 0
    private var burstStart = NIODeadline.now()
    private var flushIsScheduled = false
    private var lastBurstBytes = 0
    private var streamCreditBytes = WireLimits.defaultStreamCreditBytes
    let requestSeed = UInt64.random(in: .min ... .max)

    init(core: ServerCore, peer: PeerIdentity) {
        self.core = core
        self.peer = peer
        self.allowed = core.index.permissions(of: peer, in: core.authorization)
        self.counters = Array(repeating: nil, count: core.index.slots.count)
        self.burst = AnswerTarget(bytesMax: core.limits.call.messageBytesMax)
        self.received = FrameBuffer(frameBytesMax: core.limits.frameBytesMax)
        self.outboundGate = CreditGate(credit: core.limits.outboundBytesMax)
        self.upkeep = ServerUpkeep(core.limits)
    }

    // MARK: - Life of the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        replies = ServerReplies(self, context.eventLoop, core, outboundGate: outboundGate)
        var settings = WireSettings()
        settings.frameBytesMax = UInt32(clamping: core.limits.frameBytesMax)
        settings.streamsMax = UInt32(clamping: core.limits.streamsPerConnectionMax)
        settings.streamCreditBytes = UInt32(clamping: core.limits.requestCreditBytes)
        outbound.writeFrame(streamID: 0, .settings(settings))
        flush()
        startUpkeep(context)
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
            "a connection failed", metadata: ["peer": "\(peer)", "error": "\(error)"])
        context.close(promise: nil)
    }

    /// Gives the figures away and lets go of every call. Called once or more.
    private func close() {
        guard phase != .closed else { return }
        phase = .closed
        endBurst()
        upkeep.stop()
        deadlines.cancel()
        outboundGate.close(.callerGone)
        for stream in streams.values where !stream.isAnswered {
            counters(stream.method).end(
                status: .cancelled, nanoseconds: stream.started.nanosecondsAgo)
            stream.stop(.callerGone)
        }
        streams = [:]
        core.keep(figures())
        counters = Array(repeating: nil, count: counters.count)
        usual = nil
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .open || phase == .draining else { return }
        burstStart = .now()
        upkeep.read(at: burstStart)
        received.append(unwrapInboundIn(data))
        process(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        try? context.channel.syncOptions?.setOption(.autoRead, value: isWritable)
        upkeep.writability(isWritable, at: .now())
        if isWritable, phase == .open || phase == .draining {
            burstStart = .now()
            process(context)
            flush()
        }
        context.fireChannelWritabilityChanged()
    }

    /// Handles the frames that are there, as long as the peer takes the answers.
    private func process(_ context: ChannelHandlerContext) {
        if outbound.capacity == 0 {
            outbound.reserveCapacity(min(max(lastBurstBytes, 256), 64 << 10))
        }
        do {
            while phase == .open || phase == .draining {
                if outbound.readableBytes >= 256 << 10 {
                    flush()
                    if !context.channel.isWritable { return }
                }
                let answered = received.lend { answerFromMemory($0) }
                if answered > 0 { upkeep.answered(answered) }
                guard let frame = try received.next() else { break }
                upkeep.partialSince = nil
                try handle(frame)
            }
            if received.isPartial, upkeep.partialSince == nil { upkeep.partialSince = burstStart }
        } catch let error as FrameError {
            fail(.unreadable(error, frameBytesMax: core.limits.frameBytesMax))
        } catch {
            fail(error as? RPCError ?? .protocolViolation("The frame cannot be handled."))
        }
    }

    private func handle(_ frame: FrameBuffer.Frame) throws {
        switch frame.view.kind {
        case .call: try call(frame)
        case .cancel: cancel(frame.view.streamID)
        case .credit:
            if frame.view.number > 0, let gate = streams[frame.view.streamID]?.gate {
                // Earned by what was sent, so it does not count as a flood.
                return gate.grant(Int(clamping: frame.view.number))
            }
        case .ping:
            if !frame.view.flag {
                outbound.writePing(frame.view.number, isAcknowledgement: true)
            }
        case .settings:
            let credit = frame.view.settings.streamCreditBytes
            if credit > 0 { streamCreditBytes = Int(min(credit, UInt32(Int32.max))) }
        case .message:
            // Paid for with credit, so it does not count as a flood either.
            if let stream = streams[frame.view.streamID] { return try request(stream, frame) }
        case .end, .goAway:
            throw RPCError.protocolViolation("Only servers send this frame.")
        }
        guard upkeep.allows(frame.view.kind, core.limits) else {
            throw RPCError(
                .resourceExhausted, reason: "TOO_MANY_CONTROL_FRAMES",
                message: "More than \(core.limits.controlFramesMax) frames without a call.")
        }
    }

    // MARK: - Calls

    private func call(_ frame: FrameBuffer.Frame) throws {
        let id = frame.view.streamID
        guard id > highestStreamID else {
            throw RPCError.protocolViolation("Stream IDs must rise; \(id) does not.")
        }
        // Whoever was told to go away knows that later streams were not looked at.
        guard phase == .open else { return }
        highestStreamID = id
        let method = frame.bytes.withUnsafeReadableBytes { bytes in
            core.index.find(UnsafeRawBufferPointer(rebasing: bytes[frame.view.name]))
        }
        guard let method else {
            let error = RPCError.unknownMethod(frame.string(frame.view.name))
            core.count(refusal: error.reason)
            return outbound.writeFailure(streamID: id, error)
        }
        let counters = counters(method)
        let payload = frame.payload ?? ByteBuffer()
        counters.figures.requestBytes &+= UInt64(payload.readableBytes)
        let entry = core.index.slots[method].entry
        guard allowed[method] else {
            return refuse(id, counters, .notAllowed(peer, entry.method.fullName))
        }
        guard frame.view.flag || entry.method.kind.takesStream else {
            return refuse(id, counters, .wrongKind(entry.method.fullName))
        }
        let context: ServerContext
        do {
            try core.limits.call.check(message: payload)
            context = try serverContext(frame, entry.method)
        } catch let error as RPCError {
            return refuse(id, counters, error)
        }
        if leftToHandler != id, let immediate = entry.immediate(with: context.metadata),
            payload.withUnsafeReadableBytes({ answer(id, counters, immediate, $0) })
        {
            return
        }
        try start(frame, method, entry, payload, context)
    }

    private func serverContext(
        _ frame: FrameBuffer.Frame, _ method: MethodDescriptor
    ) throws -> ServerContext {
        let limits = core.limits.call
        let metadata = try frame.metadata()
        try limits.check(metadata: metadata)
        let microseconds = frame.view.number
        let timeout: Duration? =
            microseconds == 0 ? nil : .microseconds(Int64(clamping: microseconds))
        return ServerContext(
            method: method, peer: peer,
            deadline: limits.deadline(timeout: timeout, kind: method.kind, now: burstStart),
            metadata: metadata,
            requestID: RequestID.text(requestSeed &+ UInt64(frame.view.streamID)))
    }

    func refuse(_ id: UInt32, _ counters: MethodCounters, _ error: RPCError) {
        counters.end(status: error.code, nanoseconds: burstStart.nanosecondsAgo)
        outbound.writeFailure(streamID: id, error)
    }

    private func start(
        _ frame: FrameBuffer.Frame, _ method: Int, _ entry: MethodTable.Entry,
        _ payload: ByteBuffer, _ context: ServerContext
    ) throws {
        let id = frame.view.streamID
        let kind = entry.method.kind
        guard streams.count < core.limits.streamsPerConnectionMax else {
            throw RPCError(
                .resourceExhausted, reason: "TOO_MANY_STREAMS",
                message: "At most \(core.limits.streamsPerConnectionMax) calls may be under way "
                    + "on one connection.")
        }
        guard let replies else { return }
        let gate = kind.givesStream ? CreditGate(credit: streamCreditBytes) : nil
        let requests = kind.takesStream ? makeRequests(id, replies) : nil
        let stream = ServerStream(
            id: id, method: method, started: burstStart, deadline: context.deadline.instant,
            gate: gate, requests: requests)
        streams[id] = stream
        watchDeadline(stream.deadline)
        _ = requests?.receive(frame.payload, isLast: frame.view.flag)
        stream.task = replies.run(
            entry, payload, requests.map { PayloadStream($0.stream) }, context, id: id, gate: gate)
    }

    private func makeRequests(
        _ id: UInt32, _ replies: ServerReplies<ServerConnection>
    ) -> IncomingRequests {
        IncomingRequests(credit: core.limits.requestCreditBytes) { room in
            replies.onLoop { connection in
                guard let stream = connection.streams[id], !stream.isAnswered else { return }
                stream.requests?.granted(room)
                connection.outbound.writeCredit(streamID: id, room)
                connection.flush()
            }
        }
    }

    /// One more request of a stream of them, or their end.
    private func request(_ stream: ServerStream, _ frame: FrameBuffer.Frame) throws {
        guard !stream.isAnswered else { return }
        if let payload = frame.payload {
            counters(stream.method).figures.requestBytes &+= UInt64(payload.readableBytes)
            if payload.readableBytes > core.limits.call.messageBytesMax {
                return giveUp(stream, .messageTooLarge(payload.readableBytes, core.limits.call))
            }
        }
        guard stream.requests?.receive(frame.payload, isLast: frame.view.flag) == true else {
            throw RPCError.protocolViolation(
                "Stream \(stream.id) had its last request already, or more than its credit.")
        }
    }

    private func cancel(_ id: UInt32) {
        guard let stream = streams[id], !stream.isAnswered else { return }
        stream.stop(.callerGone)
        counters(stream.method).end(
            status: .cancelled, nanoseconds: stream.started.nanosecondsAgo)
    }

    // MARK: - Writing

    /// Flushes once all that this turn of the event loop gives is there.
    func scheduleFlush() {
        guard !flushIsScheduled, let replies else { return }
        flushIsScheduled = true
        replies.onLoop { connection in
            connection.flushIsScheduled = false
            connection.flush()
        }
    }

    func flush() {
        endBurst()
        guard let context, outbound.readableBytes > 0 || outboundCharge > 0 else { return }
        lastBurstBytes = outbound.readableBytes
        let bytes = outbound
        outbound = ByteBuffer()
        guard outboundCharge > 0 else {
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            return
        }
        let charge = outboundCharge
        outboundCharge = 0
        let written = context.eventLoop.makePromise(of: Void.self)
        upkeep.writeStarted(at: .now())
        written.futureResult.assumeIsolated().whenComplete { [outboundGate] _ in
            self.upkeep.writeEnded(at: .now())
            outboundGate.grant(charge)
        }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: written)
    }

    private func endBurst() {
        guard !countersInBurst.isEmpty else { return }
        let nanoseconds = burstStart.nanosecondsAgo
        for counters in countersInBurst { counters.endBurst(nanoseconds: nanoseconds) }
        countersInBurst.removeAll(keepingCapacity: true)
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
            figures.inFlight = streams.values.count { $0.method == index }
            let key = RPCMetrics.Key(method: pair.0.entry.method.fullName, peer: peer)
            return (key, figures)
        }
    }
}

extension NIODeadline {
    /// Since this moment; 0 when it is ahead.
    var nanosecondsAgo: UInt64 { UInt64(max(0, (NIODeadline.now() - self).nanoseconds)) }
}
