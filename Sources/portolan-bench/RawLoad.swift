import Histogram
import NIOCore
import NIOTLS

/// Keeps a number of calls in flight on one connection: for each answer the next request.
///
/// Speaks the wire directly, so that what is measured is the server and not a client.
final class RawLoad: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How requests are written and answers found.
    enum Wire {
        /// Frames of portolan-rpc/1; the bodies of `call` in turn.
        case native(bodies: [[UInt8]])
        /// The bare echo: requests of a size, answered by as many bytes as `answer` says.
        case echo(request: Int, answer: Int)
    }

    private let wire: Wire
    private let inFlight: Int
    private let end: NIODeadline
    private let start: NIODeadline
    private var received = ByteBuffer()
    private var nextID: UInt32 = 1
    private var nextBody = 0
    private var sentAt: [NIODeadline]
    private(set) var histogram = Measurement.histogram()
    private(set) var errors = 0
    private let done: EventLoopPromise<Void>

    /// Counts between `start` and `end`; before it warms up.
    init(
        wire: Wire, inFlight: Int, start: NIODeadline, end: NIODeadline,
        done: EventLoopPromise<Void>
    ) {
        self.wire = wire
        self.inFlight = inFlight
        self.start = start
        self.end = end
        self.done = done
        self.sentAt = Array(repeating: .now(), count: 65_536)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent { begin(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func begin(_ context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: 16_384)
        let now = NIODeadline.now()
        for _ in 0..<inFlight { write(&buffer, now) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        received.writeBuffer(&incoming)
        let now = NIODeadline.now()
        var answers = 0
        while let id = nextAnswer() {
            guard id > 0 else { continue }
            answers += 1
            if now > start, now < end {
                histogram.record(
                    UInt64((now - sentAt[Int(id % 65_536)]).nanoseconds))
            }
        }
        received.discardReadBytes()
        guard now < end else {
            done.succeed()
            return
        }
        var buffer = context.channel.allocator.buffer(capacity: answers * 128)
        for _ in 0..<answers { write(&buffer, now) }
        if answers > 0 { context.writeAndFlush(wrapOutboundOut(buffer), promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) { done.succeed() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        errors += 1
        done.fail(error)
    }

    private func write(_ buffer: inout ByteBuffer, _ now: NIODeadline) {
        let id = nextID
        nextID += 1
        sentAt[Int(id % 65_536)] = now
        switch wire {
        case .native(let bodies):
            let body = bodies[nextBody]
            nextBody = nextBody + 1 == bodies.count ? 0 : nextBody + 1
            let idLength = Varint.length(id)
            buffer.writeInteger(
                UInt32(1 + idLength + 1 + Varint.length(UInt32(body.count)) + body.count))
            buffer.writeInteger(UInt8(0x08))
            Varint.write(id, to: &buffer)
            buffer.writeInteger(UInt8(0x12))
            Varint.write(UInt32(body.count), to: &buffer)
            buffer.writeBytes(body)
        case .echo(let request, _):
            buffer.writeInteger(UInt32(request))
            buffer.writeInteger(id)
            buffer.writeRepeatingByte(0x78, count: request - 4)
        }
    }

    /// The stream ID of the next answer, 0 for a frame that is none, nil when no frame is complete.
    private func nextAnswer() -> UInt32? {
        guard let length = received.getInteger(at: received.readerIndex, as: UInt32.self),
            received.readableBytes >= 4 + Int(length)
        else { return nil }
        received.moveReaderIndex(forwardBy: 4)
        let end = received.readerIndex + Int(length)
        defer { received.moveReaderIndex(to: end) }
        switch wire {
        case .echo: return received.getInteger(at: received.readerIndex, as: UInt32.self)
        case .native:
            guard received.readInteger(as: UInt8.self) == 0x08 else { return 0 }
            let id = Varint.read(&received)
            guard received.readInteger(as: UInt8.self) == 0x22 else { return 0 }
            _ = Varint.read(&received)
            // A status or reason in front of the payload is a refusal.
            if received.readInteger(as: UInt8.self) != 0x1a { errors += 1 }
            return id
        }
    }
}

/// Base-128 integers of Protocol Buffers.
enum Varint {
    static func length(_ value: UInt32) -> Int {
        var count = 1
        var rest = value >> 7
        while rest > 0 {
            count += 1
            rest >>= 7
        }
        return count
    }

    static func write(_ value: UInt32, to buffer: inout ByteBuffer) {
        var rest = value
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.writeInteger(UInt8(rest))
    }

    static func read(_ buffer: inout ByteBuffer) -> UInt32 {
        var value: UInt32 = 0
        var shift: UInt32 = 0
        while let byte = buffer.readInteger(as: UInt8.self) {
            value |= UInt32(byte & 0x7f) << shift
            if byte < 0x80 || shift > 28 { break }
            shift += 7
        }
        return value
    }
}
