/// Builds a JSON object member by member, in the order given, in one buffer.
struct JSONObject {
    private var bytes: [UInt8]
    private var hasMembers = false

    /// `capacity` is what it will probably need, in bytes.
    init(capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity)
        bytes.append(UInt8(ascii: "{"))
    }

    /// The object as it stands, closed.
    var text: String { String(decoding: bytes + [UInt8(ascii: "}")], as: UTF8.self) }

    mutating func add(_ name: StaticString, _ value: String) {
        addName(name)
        addQuoted(value)
    }

    mutating func add(_ name: StaticString, _ flag: Bool) {
        addName(name)
        bytes.append(contentsOf: (flag ? "true" : "false").utf8)
    }

    /// A JSON object as it was handed over; anything else becomes a string, so that the record stays
    /// one well-formed object whatever a service sends. Empty: null.
    mutating func add(_ name: StaticString, json: String) {
        addName(name)
        var json = json
        json.withUTF8 { text in
            if text.isEmpty {
                bytes.append(contentsOf: "null".utf8)
            } else if JSONGrammar.isObject(text) {
                // The record is one line; raw line ends stand between tokens only.
                for byte in text { bytes.append(byte == 0x0A ? 0x20 : byte) }
            } else {
                addQuoted(text)
            }
        }
    }

    mutating func add(_ name: StaticString, _ build: (inout JSONObject) -> Void) {
        addName(name)
        nest(build)
    }

    mutating func add<Item>(
        _ name: StaticString, objects items: [Item], _ build: (inout JSONObject, Item) -> Void
    ) {
        addName(name)
        bytes.append(UInt8(ascii: "["))
        for (index, item) in items.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            nest { build(&$0, item) }
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private mutating func nest(_ build: (inout JSONObject) -> Void) {
        let outerHasMembers = hasMembers
        bytes.append(UInt8(ascii: "{"))
        hasMembers = false
        build(&self)
        bytes.append(UInt8(ascii: "}"))
        hasMembers = outerHasMembers
    }

    /// Names are this program's own and need no escapes.
    private mutating func addName(_ name: StaticString) {
        if hasMembers { bytes.append(UInt8(ascii: ",")) }
        hasMembers = true
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func addQuoted(_ text: String) {
        var text = text
        text.withUTF8 { addQuoted($0) }
    }

    private mutating func addQuoted(_ text: UnsafeBufferPointer<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        if text.allSatisfy(Self.isPlain) {
            bytes.append(contentsOf: text)
        } else {
            addEscaped(text)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Printable ASCII that means nothing in JSON, and whatever begins or continues a longer
    /// character but for those that U+2028 and U+2029 begin with.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") && byte != 0x7F
            && byte != 0xE2
    }

    private mutating func addEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"", "\\":
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(UInt8(scalar.value))
            case "\u{0}"..."\u{1F}", "\u{7F}", "\u{2028}", "\u{2029}":
                let hex = String(scalar.value, radix: 16)
                bytes.append(contentsOf: "\\u".utf8)
                bytes.append(
                    contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - hex.utf8.count))
                bytes.append(contentsOf: hex.utf8)
            default:
                bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }
}
