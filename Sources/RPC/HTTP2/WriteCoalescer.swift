import NIOCore

/// Joins what is written until the next flush into one buffer.
///
/// The HTTP/2 codec writes the parts of each frame by themselves; TLS would make a record of each.
final class WriteCoalescer: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = ByteBuffer

    private var pending = ByteBuffer()
    private var written: EventLoopPromise<Void>?
    private var lastBytes = 0

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .byteBuffer(let bytes) = unwrapOutboundIn(data) else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        if pending.capacity == 0 {
            pending.reserveCapacity(min(max(lastBytes, bytes.readableBytes, 256), 64 << 10))
        }
        pending.writeImmutableBuffer(bytes)
        guard let promise else { return }
        if let written {
            written.futureResult.cascade(to: promise)
        } else {
            written = promise
        }
    }

    func flush(context: ChannelHandlerContext) {
        send(context)
        context.flush()
    }

    func close(
        context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?
    ) {
        send(context)
        context.close(mode: mode, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        written?.fail(ChannelError.ioOnClosedChannel)
        written = nil
    }

    private func send(_ context: ChannelHandlerContext) {
        guard pending.readableBytes > 0 else { return }
        let (bytes, promise) = (pending, written)
        lastBytes = bytes.readableBytes
        pending = ByteBuffer()
        written = nil
        context.write(wrapOutboundOut(bytes), promise: promise)
    }
}
