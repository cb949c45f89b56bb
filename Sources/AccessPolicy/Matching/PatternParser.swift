/// Splits the text of a pattern into fixed parts and variables.
struct PatternParser {
    let wildcards: Bool
    let variables: Bool
    let path: String

    func parse(_ text: String) throws -> [PolicyPattern.Part] {
        var parts: [PolicyPattern.Part] = []
        var fixed: [PolicyPattern.Element] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if variables, byte == UInt8(ascii: "$"), rest.first == UInt8(ascii: "{") {
                guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else {
                    throw PolicyError(path: path, message: "a policy variable has no closing brace")
                }
                let name = String(decoding: rest[rest.startIndex + 1..<end], as: UTF8.self)
                rest = rest[(end + 1)...]
                if let character = Self.escaped(name) {
                    fixed.append(character)
                } else {
                    if !fixed.isEmpty { parts.append(.fixed(fixed)) }
                    fixed = []
                    parts.append(try variable(name))
                }
            } else {
                fixed.append(element(byte))
            }
        }
        if !fixed.isEmpty || parts.isEmpty { parts.append(.fixed(fixed)) }
        return parts
    }

    private func element(_ byte: UInt8) -> PolicyPattern.Element {
        switch byte {
        case UInt8(ascii: "*") where wildcards: PolicyPattern.anyRun
        case UInt8(ascii: "?") where wildcards: PolicyPattern.anyOne
        default: PolicyPattern.Element(byte)
        }
    }

    private static func escaped(_ name: String) -> PolicyPattern.Element? {
        switch name {
        case "*": PolicyPattern.Element(UInt8(ascii: "*"))
        case "?": PolicyPattern.Element(UInt8(ascii: "?"))
        case "$": PolicyPattern.Element(UInt8(ascii: "$"))
        default: nil
        }
    }

    /// `key` or `key, 'default'`.
    private func variable(_ text: String) throws -> PolicyPattern.Part {
        let comma = text.firstIndex(of: ",")
        let key = Self.trimmed(text[..<(comma ?? text.endIndex)])
        guard !key.isEmpty else {
            throw PolicyError(path: path, message: "a policy variable has no name")
        }
        guard let comma else { return .variable(key: key.lowercased(), fallback: nil) }
        let fallback = Self.trimmed(text[text.index(after: comma)...])
        guard fallback.count >= 2, fallback.first == "'", fallback.last == "'" else {
            throw PolicyError(
                path: path, message: "the default of a policy variable is written in single quotes")
        }
        return .variable(key: key.lowercased(), fallback: String(fallback.dropFirst().dropLast()))
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
