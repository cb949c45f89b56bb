import NIOCore

/// How requests are written and answers found, on one connection.
protocol RawRequests {
    /// Writes request `number`, counted from 1.
    func write(_ number: Int, _ buffer: inout ByteBuffer)
    /// The number of the request that is answered next; 0 for a frame that is no answer, nil when no
    /// frame is complete.
    func nextAnswer(_ buffer: inout ByteBuffer, _ figures: inout RawFigures) -> Int?
    /// How many are still to come after `count`; nil without end.
    func left(after count: Int) -> Int?
}

/// Unary calls in frames of portolan-rpc/1.
struct NativeRequests: RawRequests {
    /// The encoded body of `call` for each number from 1.
    let body: (Int) -> [UInt8]
    /// Calls in all; nil without end.
    var limit: Int?

    func left(after count: Int) -> Int? { limit.map { $0 - count } }

    func write(_ number: Int, _ buffer: inout ByteBuffer) {
        let body = body(number)
        // Varints of a fixed length, so that nothing has to be measured first.
        buffer.writeInteger(UInt32(6 + 5 + body.count))
        buffer.writeInteger(UInt8(0x08))
        Self.writeVarint(number, &buffer)
        buffer.writeInteger(UInt8(0x12))
        Self.writeShortVarint(body.count, &buffer)
        buffer.writeBytes(body)
    }

    func nextAnswer(_ buffer: inout ByteBuffer, _ figures: inout RawFigures) -> Int? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self),
            buffer.readableBytes >= 4 + Int(length)
        else { return nil }
        defer { buffer.moveReaderIndex(forwardBy: 4 + Int(length)) }
        let (number, isAnswer, isRefused) = buffer.withUnsafeReadableBytes { bytes in
            var at = 5
            guard bytes[4] == 0x08 else { return (0, false, false) }
            let number = Self.varint(bytes, &at)
            guard bytes[at] == 0x22 else { return (0, false, false) }
            at += 1
            let size = Self.varint(bytes, &at)
            // A status or reason in front of the payload is a refusal; an empty body is none.
            return (number, true, size > 0 && bytes[at] != 0x1a)
        }
        if isRefused {
            figures.errors += 1
            if figures.firstError == nil {
                let text = buffer.getBytes(at: buffer.readerIndex + 4, length: Int(length)) ?? []
                figures.firstError = String(
                    decoding: text.prefix(300).filter { $0 >= 0x20 && $0 < 0x7f }, as: UTF8.self)
            }
        }
        return isAnswer ? number : 0
    }

    /// Five bytes for any number of a call.
    private static func writeVarint(_ value: Int, _ buffer: inout ByteBuffer) {
        buffer.writeInteger(
            UInt32(value & 0x7f | 0x80) << 24 | UInt32(value >> 7 & 0x7f | 0x80) << 16
                | UInt32(value >> 14 & 0x7f | 0x80) << 8 | UInt32(value >> 21 & 0x7f | 0x80))
        buffer.writeInteger(UInt8(value >> 28 & 0x0f))
    }

    /// Four bytes: up to 256 MiB.
    private static func writeShortVarint(_ value: Int, _ buffer: inout ByteBuffer) {
        buffer.writeInteger(
            UInt32(value & 0x7f | 0x80) << 24 | UInt32(value >> 7 & 0x7f | 0x80) << 16
                | UInt32(value >> 14 & 0x7f | 0x80) << 8 | UInt32(value >> 21 & 0x7f))
    }

    private static func varint(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> Int {
        var value = 0
        var shift = 0
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            value |= Int(byte & 0x7f) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        return value
    }
}

/// The bare echo: requests of a size, answered by another.
struct EchoRequests: RawRequests {
    let request: Int

    func left(after count: Int) -> Int? { nil }

    func write(_ number: Int, _ buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt32(request))
        buffer.writeInteger(UInt32(truncatingIfNeeded: number))
        buffer.writeRepeatingByte(0x78, count: request - 4)
    }

    func nextAnswer(_ buffer: inout ByteBuffer, _ figures: inout RawFigures) -> Int? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self),
            buffer.readableBytes >= 4 + Int(length)
        else { return nil }
        let number = buffer.getInteger(at: buffer.readerIndex + 4, as: UInt32.self) ?? 0
        buffer.moveReaderIndex(forwardBy: 4 + Int(length))
        return Int(number)
    }
}
