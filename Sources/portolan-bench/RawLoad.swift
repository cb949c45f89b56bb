import Histogram
import NIOCore
import NIOTLS

/// Keeps calls under way on one connection: for each answer the next request, or requests at a rate.
///
/// Speaks the wire directly, so that what is measured is the server and not a client.
final class RawLoad: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let plan: RawPlan
    private let requests: any RawRequests
    private let done: EventLoopPromise<Void>
    private var received = ByteBuffer()
    private var sentAt = [NIODeadline](repeating: .now(), count: 65_536)
    private var sent = 0
    private var answered = 0
    private var ticker: RepeatedTask?
    private var firstTick = NIODeadline.now()
    private var lastBurstBytes = 4_096
    private(set) var figures = RawFigures()

    /// Counts between the plan's start and end; before it warms up.
    init(plan: RawPlan, requests: any RawRequests, done: EventLoopPromise<Void>) {
        self.plan = plan
        self.requests = requests
        self.done = done
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent { begin(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard plan.ratePerConnection > 0 else {
            return send(context, plan.inFlight, at: .now())
        }
        firstTick = .now()
        let load = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        ticker = context.eventLoop.scheduleRepeatedTask(
            initialDelay: plan.tick, delay: plan.tick
        ) { _ in
            let (load, context) = load.value
            load.tick(context)
        }
    }

    /// Sends what is due by now. Each request counts from the moment it was due, so that a server
    /// that stalls does not hide behind requests that were not sent.
    private func tick(_ context: ChannelHandlerContext) {
        let seconds = Double((NIODeadline.now() - firstTick).nanoseconds) * 1e-9
        let due = Int(seconds * plan.ratePerConnection)
        let count = min(due - sent, plan.inFlight - (sent - answered))
        guard count > 0 else { return }
        var buffer = context.channel.allocator.buffer(capacity: lastBurstBytes)
        for _ in 0..<count {
            let dueAt = firstTick + .nanoseconds(Int64(Double(sent) / plan.ratePerConnection * 1e9))
            write(&buffer, dueAt)
        }
        lastBurstBytes = max(lastBurstBytes, buffer.readableBytes)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func send(_ context: ChannelHandlerContext, _ count: Int, at now: NIODeadline) {
        let count = requests.left(after: sent).map { min($0, count) } ?? count
        guard count > 0 else { return }
        var buffer = context.channel.allocator.buffer(capacity: lastBurstBytes)
        for _ in 0..<count { write(&buffer, now) }
        lastBurstBytes = buffer.readableBytes + 64
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func write(_ buffer: inout ByteBuffer, _ now: NIODeadline) {
        sent += 1
        sentAt[sent & 0xffff] = now
        let before = buffer.writerIndex
        requests.write(sent, &buffer)
        figures.requestBytes += buffer.writerIndex - before
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        if received.readableBytes == 0 {
            received = incoming
        } else {
            received.discardReadBytes()
            received.writeBuffer(&incoming)
        }
        let now = NIODeadline.now()
        let isCounting = now > plan.start && now < plan.end
        let before = received.readerIndex
        var answers = 0
        while let answer = requests.nextAnswer(&received, &figures) {
            guard answer > 0 else { continue }
            answers += 1
            if isCounting {
                let took = (now - sentAt[answer & 0xffff]).nanoseconds
                figures.histogram.record(UInt64(max(took, 0)))
            }
        }
        answered += answers
        figures.answers += answers
        figures.answerBytes += received.readerIndex - before
        if now >= plan.end || requests.left(after: answered) == 0 { return finish() }
        if plan.ratePerConnection == 0, answers > 0 { send(context, answers, at: now) }
    }

    private func finish() {
        ticker?.cancel()
        figures.ended = .now()
        done.succeed()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if figures.ended == nil { figures.errors += 1 }
        finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        figures.errors += 1
        done.fail(error)
    }
}

/// What a raw load does.
struct RawPlan: Sendable {
    var connections = 4
    var inFlight = 32
    /// Requests a second on each connection; 0: as fast as answers come.
    var ratePerConnection = 0.0
    var threads = 2
    /// Between two looks at what is due.
    var tick = TimeAmount.microseconds(200)
    var start = NIODeadline.now()
    var end = NIODeadline.distantFuture
}

/// What one connection has seen.
struct RawFigures {
    var histogram = Measurement.histogram()
    var errors = 0
    /// The first refusal, as it came.
    var firstError: String?
    var answers = 0
    var requestBytes = 0
    var answerBytes = 0
    var ended: NIODeadline?
}
