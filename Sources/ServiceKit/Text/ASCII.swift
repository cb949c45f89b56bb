// What configuration is checked with. Not by regular expressions or Foundation's strings: a service
// reads its configuration once, and would hold the pages of both for as long as it runs.

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    var isLowercaseLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }
}

extension StringProtocol {
    /// Without the spaces and tabs around it.
    package var trimmed: String {
        func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
        let start = drop(while: isBlank)
        guard let last = start.lastIndex(where: { !isBlank($0) }) else { return "" }
        return String(start[...last])
    }
}
