/// Reads protobuf's wire format from borrowed bytes, without copying.
struct WireReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var offset: Int
    let end: Int

    /// `range` lies within `bytes`.
    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        self.bytes = bytes
        self.offset = range.lowerBound
        self.end = range.upperBound
    }

    var isAtEnd: Bool { offset == end }

    /// At most ten bytes. Throws: `FrameError.garbled`.
    @inline(__always)
    mutating func varint() throws(FrameError) -> UInt64 {
        guard offset < end else { throw .garbled }
        let first = bytes[offset]
        if first < 0x80 {
            offset += 1
            return UInt64(first)
        }
        return try longVarint()
    }

    private mutating func longVarint() throws(FrameError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < end, shift < 70 {
            let byte = bytes[offset]
            offset += 1
            if shift == 63, byte > 1 { throw .garbled }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw .garbled
    }

    /// A length and where the bytes it announces lie.
    @inline(__always)
    mutating func lengthDelimited() throws(FrameError) -> Range<Int> {
        let length = try varint()
        guard length <= UInt64(end - offset) else { throw .garbled }
        let start = offset
        offset += Int(length)
        return start..<offset
    }

    /// Passes over a field of the given wire type. Groups are refused.
    mutating func skip(wireType: UInt64) throws(FrameError) {
        switch wireType {
        case 0: _ = try varint()
        case 1: try advance(8)
        case 2: _ = try lengthDelimited()
        case 5: try advance(4)
        default: throw .garbled
        }
    }

    private mutating func advance(_ count: Int) throws(FrameError) {
        guard end - offset >= count else { throw .garbled }
        offset += count
    }
}

/// Why bytes are not a frame.
enum FrameError: Error, Equatable {
    /// Not a frame of this protocol.
    case garbled
    /// The length in front is over the limit.
    case tooLarge(Int)
}
