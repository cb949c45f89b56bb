import NIOCore
import SwiftProtobuf

/// Writes frames behind one another into a burst's buffer.
///
/// The three that every call needs are written by hand; the rest go through the generated messages.
extension ByteBuffer {
    /// A unary call's answer.
    mutating func writeAnswer(streamID: UInt32, payload: ByteBuffer) {
        payload.withUnsafeReadableBytes { writeAnswer(streamID: streamID, payload: $0) }
    }

    /// The same from bytes that are lent, in one go: there is one check for room.
    mutating func writeAnswer(streamID: UInt32, payload: UnsafeRawBufferPointer) {
        let body = 1 + Self.varintSize(UInt64(payload.count)) + payload.count
        let frame =
            1 + Self.varintSize(UInt64(streamID)) + 1 + Self.varintSize(UInt64(body)) + body
        writeWithUnsafeMutableBytes(minimumWritableBytes: 4 + frame) { bytes in
            bytes.storeBytes(of: UInt32(frame).bigEndian, as: UInt32.self)
            var offset = 4
            Self.put(1 << 3, UInt64(streamID), bytes, &offset)
            Self.put(UInt8(FrameView.Kind.end.rawValue) << 3 | 2, UInt64(body), bytes, &offset)
            Self.put(3 << 3 | 2, UInt64(payload.count), bytes, &offset)
            UnsafeMutableRawBufferPointer(rebasing: bytes[offset...]).copyMemory(from: payload)
            return offset + payload.count
        }
    }

    /// Puts a tag and a number at an offset; there is room for both.
    @inline(__always)
    private static func put(
        _ tag: UInt8, _ value: UInt64, _ bytes: UnsafeMutableRawBufferPointer, _ offset: inout Int
    ) {
        bytes[offset] = tag
        offset += 1
        var rest = value
        while rest >= 0x80 {
            bytes[offset] = UInt8(truncatingIfNeeded: rest) | 0x80
            offset += 1
            rest >>= 7
        }
        bytes[offset] = UInt8(rest)
        offset += 1
    }

    /// A message of a stream.
    mutating func writeMessage(streamID: UInt32, payload: ByteBuffer, isLast: Bool = false) {
        let count = payload.readableBytes
        let body = 1 + Self.varintSize(UInt64(count)) + count + (isLast ? 2 : 0)
        writeFrameStart(streamID: streamID, kind: .message, bodySize: body)
        writeLengthDelimited(tag: 3 << 3 | 2, payload)
        if isLast { writeInteger(UInt16(4 << 3) << 8 | 1) }
    }

    /// A call with its only request. Metadata is written in order of name.
    mutating func writeCall(
        streamID: UInt32, method: String, timeoutMicroseconds: UInt64,
        metadata: [String: String], payload: ByteBuffer?, isLast: Bool = true
    ) {
        let pairs = metadata.isEmpty ? [] : metadata.sorted { $0.key < $1.key }
        var body = Self.fieldSize(method.utf8.count) + (isLast ? 2 : 0)
        if let payload { body += Self.fieldSize(payload.readableBytes) }
        if timeoutMicroseconds > 0 { body += 1 + Self.varintSize(timeoutMicroseconds) }
        for (name, value) in pairs { body += Self.fieldSize(Self.pairSize(name, value)) }
        writeFrameStart(streamID: streamID, kind: .call, bodySize: body)
        writeLengthDelimited(tag: 1 << 3 | 2, method)
        if timeoutMicroseconds > 0 {
            writeInteger(UInt8(2 << 3))
            writeVarint(timeoutMicroseconds)
        }
        if let payload { writeLengthDelimited(tag: 3 << 3 | 2, payload) }
        if isLast { writeInteger(UInt16(4 << 3) << 8 | 1) }
        for (name, value) in pairs {
            writeInteger(UInt8(5 << 3 | 2))
            writeVarint(UInt64(Self.pairSize(name, value)))
            writeLengthDelimited(tag: 1 << 3 | 2, name)
            writeLengthDelimited(tag: 2 << 3 | 2, value)
        }
    }

    /// Any frame that is not worth a hand-written form.
    mutating func writeFrame(streamID: UInt32, _ body: WireFrame.OneOf_Body) {
        var frame = WireFrame()
        frame.streamID = streamID
        frame.body = body
        // Encoding fails only for required fields, which proto3 does not have.
        let bytes: [UInt8] = (try? frame.serializedBytes()) ?? []
        writeInteger(UInt32(bytes.count))
        writeBytes(bytes)
    }

    private mutating func writeFrameStart(streamID: UInt32, kind: FrameView.Kind, bodySize: Int) {
        let frame =
            1 + Self.varintSize(UInt64(streamID)) + 1 + Self.varintSize(UInt64(bodySize)) + bodySize
        reserveCapacity(minimumWritableBytes: 4 + frame)
        writeInteger(UInt32(frame))
        writeInteger(UInt8(1 << 3))
        writeVarint(UInt64(streamID))
        writeInteger(UInt8(kind.rawValue << 3 | 2))
        writeVarint(UInt64(bodySize))
    }

    private mutating func writeLengthDelimited(tag: UInt8, _ payload: ByteBuffer) {
        writeInteger(tag)
        writeVarint(UInt64(payload.readableBytes))
        writeImmutableBuffer(payload)
    }

    private mutating func writeLengthDelimited(tag: UInt8, _ text: String) {
        writeInteger(tag)
        writeVarint(UInt64(text.utf8.count))
        writeString(text)
    }

    private mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(rest))
    }

    private static func varintSize(_ value: UInt64) -> Int {
        (70 - (value | 1).leadingZeroBitCount) / 7
    }

    private static func fieldSize(_ count: Int) -> Int {
        1 + varintSize(UInt64(count)) + count
    }

    private static func pairSize(_ name: String, _ value: String) -> Int {
        fieldSize(name.utf8.count) + fieldSize(value.utf8.count)
    }
}
