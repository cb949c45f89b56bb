import CZlib
import NIOCore

/// gzip as gRPC uses it: each message by itself.
enum Gzip {
    /// The message, which is never larger than the limit: reading stops there, however much more a
    /// few bytes claim to be.
    ///
    /// Throws: RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE, INVALID_ARGUMENT MALFORMED_MESSAGE.
    static func inflate(_ bytes: ByteBuffer, _ limits: CallLimits) throws(RPCError) -> ByteBuffer {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        guard portolan_inflate_start(stream) == Z_OK else { throw .malformedGzip }
        defer { inflateEnd(stream) }
        var (input, output) = (bytes, ByteBuffer())
        while true {
            let room = limits.messageBytesMax + 1 - output.readableBytes
            guard room > 0 else { throw .messageTooLarge(output.readableBytes, limits) }
            let step = inflateSome(stream, input, to: &output, room: room)
            input.moveReaderIndex(forwardBy: step.taken)
            if step.outcome == Z_STREAM_END { break }
            guard step.outcome == Z_OK, step.taken + step.given > 0 else { throw .malformedGzip }
        }
        guard input.readableBytes == 0 else { throw .malformedGzip }
        try limits.checkSize(output)
        return output
    }

    private static func inflateSome(
        _ stream: UnsafeMutablePointer<z_stream>, _ input: ByteBuffer, to output: inout ByteBuffer,
        room: Int
    ) -> (outcome: Int32, taken: Int, given: Int) {
        var (outcome, taken, given) = (Z_OK, 0, 0)
        let count = min(room, max(4096, 4 * input.readableBytes))
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            input.withUnsafeReadableBytes { source in
                outcome = portolan_inflate_some(
                    stream, source.baseAddress, source.count, target.baseAddress,
                    min(target.count, room), &taken, &given)
            }
            return given
        }
        return (outcome, taken, given)
    }

    /// Messages below this are not worth it.
    static let worthwhileBytes = 1 << 10

    /// The message compressed; nil when that would not make it smaller.
    static func compress(_ message: ByteBuffer) -> ByteBuffer? {
        guard message.readableBytes >= worthwhileBytes else { return nil }
        var output = ByteBuffer()
        let count = output.writeWithUnsafeMutableBytes(
            minimumWritableBytes: message.readableBytes
        ) { target in
            message.withUnsafeReadableBytes { source in
                portolan_gzip(
                    source.baseAddress, source.count, target.baseAddress, source.count - 1)
            }
        }
        return count > 0 ? output : nil
    }
}

extension RPCError {
    fileprivate static var malformedGzip: RPCError {
        RPCError(
            .invalidArgument, reason: "MALFORMED_MESSAGE", message: "The message is not gzip.")
    }
}

extension CallLimits {
    fileprivate func checkSize(_ message: ByteBuffer) throws(RPCError) {
        guard message.readableBytes <= messageBytesMax else {
            throw RPCError.messageTooLarge(message.readableBytes, self)
        }
    }
}
