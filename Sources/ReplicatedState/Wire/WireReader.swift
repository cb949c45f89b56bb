/// Walks over the fields of one encoded protobuf message without decoding it.
///
/// For hot paths that need one or two fields of a message. Unknown fields are passed over; the first
/// malformed byte ends the walk and sets `isMalformed`. Lives only as long as the bytes it was given.
package struct WireReader {
    /// The value of a field, in place.
    package enum Value {
        case varint(UInt64)
        case bytes(UnsafeRawBufferPointer)
        /// A 32- or 64-bit number.
        case fixed
    }

    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    /// Set when the walk ended because the bytes are no message.
    package private(set) var isMalformed = false

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next field; nil at the end.
    package mutating func next() -> (number: Int, value: Value)? {
        guard offset < bytes.count else { return nil }
        guard let tag = varint(), tag >> 3 > 0, tag >> 3 < 1 << 29 else { return malformed() }
        switch tag & 7 {
        case 0:
            guard let value = varint() else { return malformed() }
            return (Int(tag >> 3), .varint(value))
        case 1: return skip(8, tag)
        case 2:
            guard let length = varint(), length <= UInt64(bytes.count - offset) else {
                return malformed()
            }
            let end = offset + Int(length)
            defer { offset = end }
            return (Int(tag >> 3), .bytes(UnsafeRawBufferPointer(rebasing: bytes[offset..<end])))
        case 5: return skip(4, tag)
        default: return malformed()
        }
    }

    /// The bytes of the first length-delimited field of that number.
    package static func bytes(
        of number: Int, in message: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        var reader = WireReader(message)
        while let field = reader.next() {
            if field.number == number, case .bytes(let bytes) = field.value { return bytes }
        }
        return nil
    }

    private mutating func skip(_ count: Int, _ tag: UInt64) -> (number: Int, value: Value)? {
        guard bytes.count - offset >= count else { return malformed() }
        offset += count
        return (Int(tag >> 3), .fixed)
    }

    private mutating func varint() -> UInt64? {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count, shift < 64 {
            let byte = bytes[offset]
            offset += 1
            result |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return result }
            shift += 7
        }
        return nil
    }

    private mutating func malformed() -> (number: Int, value: Value)? {
        isMalformed = true
        offset = bytes.count
        return nil
    }
}

extension String {
    /// Text from the bytes of a field.
    package init(wire bytes: UnsafeRawBufferPointer) { self.init(decoding: bytes, as: UTF8.self) }
}
