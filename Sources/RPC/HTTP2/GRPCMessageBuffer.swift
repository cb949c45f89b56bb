import NIOCore

/// Cuts the data of one stream into messages: a flag of compression, four bytes of length, and the
/// message. The length is checked before the message is waited for.
struct GRPCMessageBuffer {
    static let prefixBytes = 5

    /// Whether messages may be compressed: the request's headers said gzip.
    var acceptsGzip = false
    /// How much larger the messages so far are than what was received.
    private(set) var inflatedBytes = 0
    private var buffer = ByteBuffer()

    /// Bytes of an unfinished message.
    var heldBytes: Int { buffer.readableBytes }

    /// What is missing of the message that has begun; 0 when its length is not known yet.
    var missingBytes: Int {
        guard let length = buffer.getInteger(at: buffer.readerIndex + 1, as: UInt32.self) else {
            return 0
        }
        return max(0, Int(length) + Self.prefixBytes - buffer.readableBytes)
    }

    mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            buffer.discardReadBytes()
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole message; nil when more bytes are needed.
    ///
    /// Throws: RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE, INVALID_ARGUMENT MALFORMED_MESSAGE, INTERNAL
    /// UNKNOWN_ENCODING.
    mutating func next(_ limits: CallLimits) throws(RPCError) -> ByteBuffer? {
        guard let flag = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else {
            return nil
        }
        guard flag == 0 || (flag == 1 && acceptsGzip) else {
            throw RPCError(
                .internalError, reason: "UNKNOWN_ENCODING",
                message: "A message is said to be compressed, but the headers do not say how.")
        }
        guard let length = buffer.getInteger(at: buffer.readerIndex + 1, as: UInt32.self) else {
            return nil
        }
        guard length <= limits.messageBytesMax else {
            throw RPCError.messageTooLarge(Int(length), limits)
        }
        guard
            let message = buffer.getSlice(
                at: buffer.readerIndex + Self.prefixBytes, length: Int(length))
        else { return nil }
        buffer.moveReaderIndex(forwardBy: Self.prefixBytes + Int(length))
        if buffer.readableBytes == 0 { buffer = ByteBuffer() }
        guard flag == 1 else { return message }
        let inflated = try Gzip.inflate(message, limits)
        inflatedBytes += max(0, inflated.readableBytes - message.readableBytes)
        return inflated
    }

    /// A message as it is sent.
    static func framed(_ message: ByteBuffer, isCompressed: Bool = false) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(prefixBytes + message.readableBytes)
        bytes.writeInteger(UInt8(isCompressed ? 1 : 0))
        bytes.writeInteger(UInt32(message.readableBytes))
        bytes.writeImmutableBuffer(message)
        return bytes
    }
}
