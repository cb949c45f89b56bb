public import NIOCore
public import SwiftProtobuf

/// Turns messages into payloads and back.
public enum MessageCoding {
    /// Encodes a message.
    public static func encode(_ message: some Message) throws -> ByteBuffer {
        do {
            let bytes: [UInt8] = try message.serializedBytes()
            return ByteBuffer(bytes: bytes)
        } catch {
            throw RPCError(
                .internalError, reason: "ENCODING_FAILED", message: "A message cannot be encoded.",
                cause: error)
        }
    }

    /// Decodes a message. Nesting is limited to 32 levels.
    ///
    /// Throws: INVALID_ARGUMENT MALFORMED_MESSAGE.
    public static func decode<M: Message>(_ type: M.Type, from payload: ByteBuffer) throws -> M {
        try payload.withUnsafeReadableBytes { try decode(type, from: $0) }
    }

    /// Decodes a message from bytes that are lent.
    public static func decode<M: Message>(
        _ type: M.Type, from bytes: UnsafeRawBufferPointer
    ) throws -> M {
        var options = BinaryDecodingOptions()
        options.messageDepthLimit = 32
        do {
            return try M(serializedBytes: BorrowedBytes(bytes), options: options)
        } catch {
            throw RPCError(
                .invalidArgument, reason: "MALFORMED_MESSAGE",
                message: "The payload is not a \(M.protoMessageName).", cause: error)
        }
    }
}

/// Lends bytes to the decoder without a copy; lives only as long as the closure it is made in.
private struct BorrowedBytes: SwiftProtobufContiguousBytes {
    private let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }
    init(repeating: UInt8, count: Int) { self.bytes = UnsafeRawBufferPointer(start: nil, count: 0) }
    init<S: Sequence>(_ sequence: S) where S.Element == UInt8 {
        self.bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    var count: Int { bytes.count }

    func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try body(bytes)
    }

    mutating func withUnsafeMutableBytes<R>(
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        try body(UnsafeMutableRawBufferPointer(mutating: bytes))
    }
}
