import NIOCore

/// What a connection remembers for its regular inspection.
struct ServerUpkeep {
    /// Since when part of a frame waits for its rest.
    var partialSince: NIODeadline?
    private var unwritableSince: NIODeadline?
    /// Writes handed to the system that it has not taken whole.
    private var writes = 0
    /// When it last took one, or the first was handed over.
    private var lastWrite = NIODeadline.now()
    private var lastRead = NIODeadline.now()
    private var lastBusy = NIODeadline.now()
    /// When the peer was asked whether it is there; nil once something has come from it.
    private var askedAt: NIODeadline?
    private var controlFrames = 0
    private var controlFramesSince = NIODeadline.now()
    /// When the connection is too old, and when its last calls are cut off.
    private let drainAt: NIODeadline
    private let cutOffAt: NIODeadline
    private var timer: RepeatedTask?

    init(_ limits: ServerLimits) {
        let share = limits.connectionAgeMax / 10
        let jitter = Int64.random(in: 0...max(2 * share.nanosecondsClamped, 1))
        drainAt = .now() + TimeAmount(limits.connectionAgeMax - share) + .nanoseconds(jitter)
        cutOffAt = drainAt + TimeAmount(limits.connectionAgeGrace)
    }

    /// Inspects regularly, often enough for the shortest of the limits.
    mutating func start(
        _ eventLoop: any EventLoop, _ limits: ServerLimits,
        _ inspect: @escaping @Sendable () -> Void
    ) {
        let shortest = min(
            limits.stallTimeout, limits.keepAliveInterval, limits.idleTimeout,
            limits.connectionAgeMax)
        let period = TimeAmount(max(shortest / 2, .milliseconds(5)))
        timer = eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in
            inspect()
        }
    }

    mutating func stop() {
        timer?.cancel()
        timer = nil
    }

    /// What an inspection finds to be done.
    enum Due {
        case nothing
        /// The peer takes nothing: close without a word, since it would not read one.
        case abandon
        case frameStalled
        /// Idle or old: open no further calls.
        case drain
        /// The grace of an old connection is over.
        case cutOff
        case ping
    }

    mutating func due(_ now: NIODeadline, hasCalls: Bool, _ limits: ServerLimits) -> Due {
        let stall = TimeAmount(limits.stallTimeout)
        if let since = stalledSince, now - since > stall { return .abandon }
        if let since = partialSince, now - since > stall { return .frameStalled }
        let interval = TimeAmount(limits.keepAliveInterval)
        if now - controlFramesSince > interval {
            controlFrames = 0
            controlFramesSince = now
        }
        if now > cutOffAt { return .cutOff }
        guard hasCalls else {
            return now > drainAt || now - lastBusy > TimeAmount(limits.idleTimeout)
                ? .drain : .nothing
        }
        lastBusy = now
        // Counted from the question: after a pause of this process the silence may be its own.
        if let askedAt, now - askedAt > interval { return .abandon }
        if now > drainAt { return .drain }
        guard now - lastRead > interval, askedAt == nil else { return .nothing }
        askedAt = now
        return .ping
    }

    mutating func read(at now: NIODeadline) {
        lastRead = now
        lastBusy = now
        askedAt = nil
    }

    mutating func writability(_ isWritable: Bool, at now: NIODeadline) {
        if isWritable {
            unwritableSince = nil
        } else if unwritableSince == nil {
            unwritableSince = now
        }
    }

    mutating func writeStarted(at now: NIODeadline) {
        if writes == 0 { lastWrite = now }
        writes += 1
    }

    mutating func writeEnded(at now: NIODeadline) {
        writes -= 1
        lastWrite = now
    }

    /// Since when the peer has not taken what is sent to it.
    private var stalledSince: NIODeadline? {
        unwritableSince ?? (writes > 0 ? lastWrite : nil)
    }

    /// So many calls have been answered as they were read.
    mutating func answered(_ calls: Int) {
        partialSince = nil
        controlFrames = max(0, controlFrames - calls)
    }

    /// Counts frames that are not calls. Each call allows for one frame that crosses its end.
    mutating func allows(_ kind: FrameView.Kind, _ limits: ServerLimits) -> Bool {
        controlFrames = kind == .call ? max(0, controlFrames - 1) : controlFrames + 1
        return controlFrames <= limits.controlFramesMax
    }
}

/// The nearest deadline of a connection's calls: one timer for all of them.
struct DeadlineTimer {
    private var next: NIODeadline?
    private var scheduled: Scheduled<Void>?

    /// Makes sure that the timer fires by then. `fire` calls `fired` and watches the next one.
    mutating func watch(
        _ deadline: NIODeadline, on eventLoop: any EventLoop,
        _ fire: @escaping @Sendable () -> Void
    ) {
        if let next, next <= deadline { return }
        scheduled?.cancel()
        next = deadline
        scheduled = eventLoop.scheduleTask(deadline: deadline, fire)
    }

    mutating func fired() { next = nil }

    mutating func cancel() {
        scheduled?.cancel()
        scheduled = nil
        next = nil
    }
}

extension ServerConnection {
    func startUpkeep(_ context: ChannelHandlerContext) {
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        upkeep.start(context.eventLoop, core.limits) { connection.value.inspect(.now()) }
    }

    private func inspect(_ now: NIODeadline) {
        switch upkeep.due(now, hasCalls: !streams.isEmpty, core.limits) {
        case .nothing: break
        case .abandon: context?.close(promise: nil)
        case .frameStalled:
            fail(
                RPCError(
                    .deadlineExceeded, reason: "FRAME_STALLED",
                    message: "The rest of a frame did not come in time."))
        case .drain: drain()
        case .cutOff: stop()
        case .ping:
            outbound.writePing(0, isAcknowledgement: false)
            flush()
        }
    }

    /// Closes once the peer has had a moment to read what was sent: closing with unread bytes in
    /// the socket would make the system throw both away.
    func closeSoon() {
        guard let context else { return }
        let channel = context.channel
        try? channel.syncOptions?.setOption(.autoRead, value: true)
        context.eventLoop.scheduleTask(in: .milliseconds(200)) { channel.close(promise: nil) }
    }

    // MARK: - Deadlines

    /// Makes sure that the timer fires by then.
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
        for stream in streams.values where !stream.isAnswered {
            if stream.deadline <= now {
                let method = core.index.slots[stream.method].entry.method.fullName
                giveUp(stream, .deadlineExceeded(method))
            } else {
                next = min(next, stream.deadline)
            }
        }
        flush()
        watchDeadline(next)
    }
}
