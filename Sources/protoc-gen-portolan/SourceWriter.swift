/// Collects lines of Swift at an indentation.
struct SourceWriter {
    private(set) var text = ""
    private var depth = 0

    mutating func line(_ content: String) {
        text += content.isEmpty ? "\n" : String(repeating: "    ", count: depth) + content + "\n"
    }

    /// Writes `opening {`, the body one step in, and `}`.
    mutating func block(_ opening: String, _ body: (inout SourceWriter) throws -> Void) rethrows {
        line(opening + " {")
        depth += 1
        try body(&self)
        depth -= 1
        line("}")
    }

    /// Writes a comment of the .proto file as documentation.
    mutating func documentation(_ comment: String) {
        var rows = comment.split(separator: "\n", omittingEmptySubsequences: false)
        while rows.last?.allSatisfy(\.isWhitespace) == true { rows.removeLast() }
        for row in rows {
            let content = row.hasPrefix(" ") ? row.dropFirst() : row
            line(content.isEmpty ? "///" : "/// \(content)")
        }
    }
}
