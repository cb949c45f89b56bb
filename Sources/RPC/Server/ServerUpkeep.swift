import NIOCore

/// What a connection remembers for its regular inspection.
struct ServerUpkeep {
    /// Since when part of a frame waits for its rest.
    var partialSince: NIODeadline?
    fileprivate var unwritableSince: NIODeadline?
    /// Writes handed to the system that it has not taken whole.
    private var writes = 0
    /// When it last took one, or the first was handed over.
    private var lastWrite = NIODeadline.now()
    fileprivate var lastRead = NIODeadline.now()
    fileprivate var lastBusy = NIODeadline.now()
    fileprivate var asked = false
    fileprivate var controlFrames = 0
    fileprivate var controlFramesSince = NIODeadline.now()
    fileprivate var timer: RepeatedTask?

    mutating func read(at now: NIODeadline) {
        lastRead = now
        lastBusy = now
        asked = false
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
    fileprivate var stalledSince: NIODeadline? {
        unwritableSince ?? (writes > 0 ? lastWrite : nil)
    }

    /// Counts frames that are not calls. Each call allows for one frame that crosses its end.
    mutating func allows(_ kind: FrameView.Kind, _ limits: ServerLimits) -> Bool {
        controlFrames = kind == .call ? max(0, controlFrames - 1) : controlFrames + 1
        return controlFrames <= limits.controlFramesMax
    }
}

/// The nearest deadline of a connection's calls: one timer for all of them.
struct DeadlineTimer {
    fileprivate var next: NIODeadline?
    fileprivate var scheduled: Scheduled<Void>?

    mutating func cancel() {
        scheduled?.cancel()
        scheduled = nil
        next = nil
    }
}

extension ServerConnection {
    func startUpkeep(_ context: ChannelHandlerContext) {
        let limits = core.limits
        let shortest = min(limits.stallTimeout, limits.keepAliveInterval, limits.idleTimeout)
        let period = TimeAmount(max(shortest / 2, .milliseconds(5)))
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        upkeep.timer = context.eventLoop.scheduleRepeatedTask(
            initialDelay: period, delay: period
        ) { _ in connection.value.inspect(.now()) }
    }

    func stopUpkeep() {
        upkeep.timer?.cancel()
        upkeep.timer = nil
    }

    private func inspect(_ now: NIODeadline) {
        let limits = core.limits
        if let since = upkeep.stalledSince, now - since > TimeAmount(limits.stallTimeout) {
            // It does not read, so it would not read a go-away either.
            context?.close(promise: nil)
            return
        }
        if let since = upkeep.partialSince, now - since > TimeAmount(limits.stallTimeout) {
            return fail(
                RPCError(
                    .deadlineExceeded, reason: "FRAME_STALLED",
                    message: "The rest of a frame did not come in time."))
        }
        let interval = TimeAmount(limits.keepAliveInterval)
        if now - upkeep.controlFramesSince > interval {
            upkeep.controlFrames = 0
            upkeep.controlFramesSince = now
        }
        if streams.isEmpty {
            if now - upkeep.lastBusy > TimeAmount(limits.idleTimeout) { drain() }
        } else {
            upkeep.lastBusy = now
            if now - upkeep.lastRead > interval * 2 {
                context?.close(promise: nil)
            } else if now - upkeep.lastRead > interval, !upkeep.asked {
                upkeep.asked = true
                outbound.writePing(0, isAcknowledgement: false)
                flush()
            }
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
        if let next = deadlines.next, next <= deadline { return }
        deadlines.scheduled?.cancel()
        deadlines.next = deadline
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        deadlines.scheduled = context.eventLoop.scheduleTask(deadline: deadline) {
            connection.value.deadlineReached(.now())
        }
    }

    private func deadlineReached(_ now: NIODeadline) {
        deadlines.next = nil
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
