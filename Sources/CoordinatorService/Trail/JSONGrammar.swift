/// Says whether a text is one JSON object (RFC 8259), without making anything of it.
struct JSONGrammar {
    private static let depthMax = 128

    private let text: UnsafeBufferPointer<UInt8>
    private var offset = 0

    static func isObject(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard text.first == UInt8(ascii: "{") else { return false }
        var grammar = JSONGrammar(text: text)
        guard grammar.value(depth: 0) else { return false }
        grammar.space()
        return grammar.offset == text.count
    }

    private init(text: UnsafeBufferPointer<UInt8>) { self.text = text }

    private var next: UInt8 { offset < text.count ? text[offset] : 0 }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        offset += 1
        return true
    }

    private mutating func space() {
        while next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 { offset += 1 }
    }

    private mutating func value(depth: Int) -> Bool {
        guard depth < Self.depthMax else { return false }
        switch next {
        case UInt8(ascii: "{"): return members(depth: depth)
        case UInt8(ascii: "["): return elements(depth: depth)
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "t"): return word("true")
        case UInt8(ascii: "f"): return word("false")
        case UInt8(ascii: "n"): return word("null")
        default: return number()
        }
    }

    private mutating func members(depth: Int) -> Bool {
        offset += 1
        space()
        if take(UInt8(ascii: "}")) { return true }
        while true {
            guard next == UInt8(ascii: "\""), string() else { return false }
            space()
            guard take(UInt8(ascii: ":")) else { return false }
            space()
            guard value(depth: depth + 1) else { return false }
            space()
            if take(UInt8(ascii: "}")) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
            space()
        }
    }

    private mutating func elements(depth: Int) -> Bool {
        offset += 1
        space()
        if take(UInt8(ascii: "]")) { return true }
        while true {
            guard value(depth: depth + 1) else { return false }
            space()
            if take(UInt8(ascii: "]")) { return true }
            guard take(UInt8(ascii: ",")) else { return false }
            space()
        }
    }

    /// The text comes from a string, so that its bytes are UTF-8 already.
    private mutating func string() -> Bool {
        offset += 1
        while offset < text.count {
            let byte = text[offset]
            offset += 1
            switch byte {
            case UInt8(ascii: "\""): return true
            case UInt8(ascii: "\\"): guard escape() else { return false }
            case 0..<0x20: return false
            default: break
            }
        }
        return false
    }

    private mutating func escape() -> Bool {
        let kind = next
        offset += 1
        switch kind {
        case UInt8(ascii: "u"):
            for _ in 0..<4 {
                guard Self.isHexadecimal(next) else { return false }
                offset += 1
            }
            return true
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return true
        default: return false
        }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private mutating func word(_ word: StaticString) -> Bool {
        word.withUTF8Buffer { word in
            guard text.count - offset >= word.count,
                word.elementsEqual(text[offset..<offset + word.count])
            else { return false }
            offset += word.count
            return true
        }
    }

    private mutating func digits() -> Bool {
        let start = offset
        while Self.isDigit(next) { offset += 1 }
        return offset > start
    }

    private mutating func number() -> Bool {
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { guard digits() else { return false } }
        if take(UInt8(ascii: ".")) { guard digits() else { return false } }
        if next | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard digits() else { return false }
        }
        return true
    }
}
