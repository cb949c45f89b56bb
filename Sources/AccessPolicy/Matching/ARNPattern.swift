/// An ARN of a condition: its six parts are matched one by one, so no `*` reaches across a colon
/// of the first five.
struct ARNPattern: Sendable {
    /// Nil stands for a bare "*".
    private let parts: [PolicyPattern]?

    /// - Throws: `PolicyError` unless it is "*" or has six parts.
    init(_ text: String, variables: Bool, path: String) throws {
        if text == "*" {
            parts = nil
            return
        }
        let texts = Self.split(text)
        guard texts.count == 6 else {
            throw PolicyError(
                path: path, message: "\"\(text)\" is not an ARN of six parts divided by colons")
        }
        parts = try texts.map {
            try PolicyPattern($0, wildcards: true, variables: variables, path: path)
        }
    }

    var hasVariables: Bool { parts?.contains { $0.hasVariables } ?? false }

    var variableKeys: [String] { parts?.flatMap(\.variableKeys) ?? [] }

    func isResolvable(in context: PolicyContext) -> Bool {
        parts?.allSatisfy { $0.isResolvable(in: context) } ?? true
    }

    func matches(_ text: String, in context: PolicyContext) -> Bool {
        guard let parts else { return true }
        let texts = Self.split(text)
        guard texts.count == 6 else { return false }
        return zip(parts, texts).allSatisfy { $0.matches($1, in: context) }
    }

    /// Splits at the first five colons that are not inside a policy variable.
    private static func split(_ text: String) -> [String] {
        var parts: [String] = []
        var current = ""
        var isInVariable = false
        for character in text {
            if character == "{", current.last == "$" { isInVariable = true }
            if character == "}" { isInVariable = false }
            if character == ":", !isInVariable, parts.count < 5 {
                parts.append(current)
                current = ""
            } else {
                current.append(character)
            }
        }
        return parts + [current]
    }
}
