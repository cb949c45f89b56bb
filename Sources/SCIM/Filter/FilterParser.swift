/// Reads the filter grammar of RFC 7644 figure 1. Operators and names in any case, blanks in any
/// number.
package struct FilterParser {
    private let tokens: [FilterLexer.Located]
    private var index = 0
    private var depth = 0

    /// Parses a whole filter. Throws `invalidFilter` that names the position.
    package static func parse(_ text: String) throws -> SCIMFilter {
        var lexer = try FilterLexer(text)
        var parser = FilterParser(tokens: try lexer.tokens())
        let filter = try parser.disjunction()
        guard parser.index == parser.tokens.count else { throw parser.problem("nothing more") }
        return filter
    }

    init(tokens: [FilterLexer.Located]) { self.tokens = tokens }

    /// Parses what stands in brackets; for paths.
    static func parseInner(_ tokens: [FilterLexer.Located]) throws -> SCIMFilter {
        var parser = FilterParser(tokens: tokens)
        let filter = try parser.disjunction()
        guard parser.index == tokens.count else { throw parser.problem("]") }
        return filter
    }

    private mutating func disjunction() throws -> SCIMFilter {
        depth += 1
        defer { depth -= 1 }
        guard depth <= SCIMLimits.filterDepthMax else {
            throw SCIMError.bad(.invalidFilter, "The filter nests too deeply.")
        }
        var left = try conjunction()
        while keyword("or") { left = .or(left, try conjunction()) }
        return left
    }

    private mutating func conjunction() throws -> SCIMFilter {
        var left = try factor()
        while keyword("and") { left = .and(left, try factor()) }
        return left
    }

    private mutating func factor() throws -> SCIMFilter {
        if isKeyword("not"), index + 1 < tokens.count, tokens[index + 1].token == .open {
            index += 1
            return .not(try group())
        }
        if index < tokens.count, tokens[index].token == .open { return try group() }
        return try attributeExpression()
    }

    private mutating func group() throws -> SCIMFilter {
        try expect(.open, "(")
        let inner = try disjunction()
        try expect(.close, ")")
        return inner
    }

    private mutating func attributeExpression() throws -> SCIMFilter {
        guard index < tokens.count, case .word(let word) = tokens[index].token else {
            throw problem("an attribute name")
        }
        index += 1
        let name = try Self.attributeName(word)
        guard index < tokens.count, tokens[index].token == .openBracket else {
            return try comparison(of: name)
        }
        index += 1
        let inner = try disjunction()
        try expect(.closeBracket, "]")
        guard index < tokens.count, case .dotted(let sub) = tokens[index].token else {
            return .element(name, inner)
        }
        // emails[type eq "work"].value eq "x": both hold for the same element.
        index += 1
        return .element(name, .and(inner, try comparison(of: AttributeName(name: sub))))
    }

    private mutating func comparison(of name: AttributeName) throws -> SCIMFilter {
        if keyword("pr") { return .present(name) }
        guard index < tokens.count, case .word(let word) = tokens[index].token,
            let comparison = SCIMFilter.Comparison(rawValue: word.lowercased())
        else { throw problem("an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr)") }
        index += 1
        return .compare(name, comparison, try literal())
    }

    private mutating func literal() throws -> SCIMValue {
        guard index < tokens.count else { throw problem("a value") }
        defer { index += 1 }
        switch tokens[index].token {
        case .string(let text): return .string(text)
        case .word(let word):
            switch word.lowercased() {
            case "true": return .bool(true)
            case "false": return .bool(false)
            case "null": return .null
            default:
                if let integer = Int64(word) { return .integer(integer) }
                if let number = Double(word) { return .number(number) }
                throw problem("a value in quotes")
            }
        default: throw problem("a value")
        }
    }

    /// Splits "urn:…:User:name.givenName". Throws `invalidFilter` for an empty part.
    static func attributeName(_ word: String) throws -> AttributeName {
        let (extended, rest) = SCIMSchema.split(word)
        let parts = rest.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }),
            !rest.contains(":")
        else { throw SCIMError.bad(.invalidFilter, "\(word) is not an attribute name.") }
        return AttributeName(
            isExtended: extended, name: String(parts[0]),
            sub: parts.count == 2 ? String(parts[1]) : nil)
    }

    private func isKeyword(_ word: String) -> Bool {
        guard index < tokens.count, case .word(let found) = tokens[index].token else {
            return false
        }
        return found.lowercased() == word
    }

    private mutating func keyword(_ word: String) -> Bool {
        guard isKeyword(word) else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ token: FilterLexer.Token, _ text: String) throws {
        guard index < tokens.count, tokens[index].token == token else { throw problem(text) }
        index += 1
    }

    private func problem(_ expected: String) -> SCIMError {
        let place =
            index < tokens.count ? "at character \(tokens[index].offset + 1)" : "at the end"
        return .bad(.invalidFilter, "Expected \(expected) \(place) of the filter.")
    }
}
