/// Comparison without regard to case, quick for ASCII.
///
/// Anything else is compared by Unicode's lower-case mapping and canonical equivalence.
enum FoldedText {
    typealias Bytes = UnsafeRawBufferPointer

    /// Equal for texts that differ in case only.
    static func hash(_ bytes: Bytes) -> UInt64 {
        if isASCII(bytes) {
            return withUnsafeTemporaryAllocation(byteCount: bytes.count, alignment: 1) { folded in
                for (index, byte) in bytes.enumerated() { folded[index] = lower(byte) }
                return ExactText.hash(Bytes(folded))
            }
        }
        let text = String(decoding: bytes, as: UTF8.self).lowercased()
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return ExactText.hash(text) }
        var hasher = Hasher()
        hasher.combine(text)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    static func hash(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { hash(Bytes($0)) }
    }

    static func areEqual(_ one: Bytes, _ other: Bytes) -> Bool {
        if isASCII(one), isASCII(other) {
            return one.count == other.count
                && zip(one, other).allSatisfy { lower($0) == lower($1) }
        }
        return String(decoding: one, as: UTF8.self).lowercased()
            == String(decoding: other, as: UTF8.self).lowercased()
    }

    static func areEqual(_ one: Bytes, _ other: String) -> Bool {
        var other = other
        return other.withUTF8 { areEqual(one, Bytes($0)) }
    }

    /// Whether `part`, already in lower case, occurs in the text.
    static func contains(_ bytes: Bytes, _ part: String) -> Bool {
        guard isASCII(bytes) else {
            return String(decoding: bytes, as: UTF8.self).lowercased().contains(part)
        }
        let part = part.utf8
        guard let head = part.first else { return true }
        guard bytes.count >= part.count else { return false }
        for start in 0...bytes.count - part.count where lower(bytes[start]) == head {
            if zip(bytes[start...], part).allSatisfy({ lower($0) == $1 }) { return true }
        }
        return false
    }

    private static func isASCII(_ bytes: Bytes) -> Bool { bytes.allSatisfy { $0 < 0x80 } }

    private static func lower(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte + 32 : byte
    }
}

/// Comparison byte by byte.
enum ExactText {
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(bytes: bytes)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    static func hash(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }

    static func areEqual(_ one: UnsafeRawBufferPointer, _ other: String) -> Bool {
        var other = other
        return other.withUTF8 { one.elementsEqual($0) }
    }
}
