import Histogram
import NIOCore
import NIOHTTP1
import NIOTLS

/// One connection of the HTTPS load: a request, its answer, the next request.
final class HTTPSLoad: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    struct Plan: Sendable {
        let method: HTTPMethod
        let path: String
        let host: String
        let headers: [(String, String)]
        /// Each is sent once, shared out over the connections; empty: requests without a body until
        /// the time is over.
        let bodies: [String]
        let values: [String]
        let expect: Int
        let connections: Int
    }

    /// When it is counted: what runs out is counted from the start, the rest after a second.
    struct Clock: Sendable {
        let start: NIODeadline
        let end: NIODeadline
        let runsOut: Bool

        init(seconds: Int, runsOut: Bool) {
            self.runsOut = runsOut
            start = .now() + (runsOut ? .zero : .seconds(1))
            end = runsOut ? .distantFuture : start + .seconds(Int64(seconds))
        }
    }

    private let plan: Plan
    private let clock: Clock
    private let done: EventLoopPromise<RawFigures>
    private var next: Int
    private var sentAt = NIODeadline.now()
    private var status = 0
    private var text = ""
    private var figures = RawFigures()

    init(_ plan: Plan, _ clock: Clock, _ connection: Int, _ done: EventLoopPromise<RawFigures>) {
        self.plan = plan
        self.clock = clock
        self.done = done
        next = connection
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent { send(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func send(_ context: ChannelHandlerContext) {
        guard !clock.runsOut || next < plan.bodies.count else { return finish(context) }
        var head = HTTPRequestHead(version: .http1_1, method: plan.method, uri: plan.path)
        head.headers.add(name: "Host", value: plan.host)
        for (name, value) in plan.headers {
            let filled =
                plan.values.isEmpty || value != "{}"
                ? value : plan.values[next % plan.values.count]
            head.headers.add(name: name, value: filled)
        }
        sentAt = .now()
        if clock.runsOut {
            let body = context.channel.allocator.buffer(string: plan.bodies[next])
            head.headers.add(name: "Content-Length", value: "\(body.readableBytes)")
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        } else {
            context.write(wrapOutboundOut(.head(head)), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        next += plan.connections
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            status = Int(head.status.code)
        case .body(let bytes):
            if status != plan.expect, text.isEmpty { text = String(buffer: bytes) }
        case .end:
            let now = NIODeadline.now()
            if now > clock.start, now < clock.end {
                figures.histogram.record(UInt64((now - sentAt).nanoseconds))
                if status != plan.expect { fail("\(status) \(text.prefix(200))") }
            }
            now < clock.end ? send(context) : finish(context)
        }
    }

    private func fail(_ text: String) {
        figures.errors += 1
        if figures.firstError == nil { figures.firstError = text }
    }

    private func finish(_ context: ChannelHandlerContext) {
        figures.ended = .now()
        done.succeed(figures)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if figures.ended == nil { fail("the connection was closed") }
        figures.ended = figures.ended ?? .now()
        done.succeed(figures)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if figures.ended == nil { fail("\(error)") }
        context.close(promise: nil)
    }
}
