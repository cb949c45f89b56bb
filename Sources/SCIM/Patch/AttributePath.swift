/// The target of a PATCH operation (RFC 7644 figure 7): `emails[type eq "work"].value`.
package struct AttributePath: Equatable, Sendable {
    /// Belongs to the enterprise extension; name is then empty when the extension itself is meant.
    package let isExtended: Bool
    package let name: String
    package let filter: SCIMFilter?
    package let sub: String?

    /// Throws `invalidPath`.
    package static func parse(_ text: String) throws -> AttributePath {
        do {
            return try parseTokens(text)
        } catch let error as SCIMError {
            throw SCIMError.bad(.invalidPath, "The path is malformed: \(error.detail)")
        }
    }

    private static func parseTokens(_ text: String) throws -> AttributePath {
        let (extended, rest) = SCIMSchema.split(text)
        if rest.isEmpty {
            guard extended else { throw SCIMError.bad(.invalidPath, "It names no attribute.") }
            return AttributePath(isExtended: true, name: "", filter: nil, sub: nil)
        }
        var lexer = try FilterLexer(String(rest))
        let tokens = try lexer.tokens()
        guard case .word(let word) = tokens.first?.token else {
            throw SCIMError.bad(.invalidPath, "It starts with no attribute name.")
        }
        let attribute = try FilterParser.attributeName(word)
        if tokens.count == 1 {
            return AttributePath(
                isExtended: extended, name: attribute.name, filter: nil, sub: attribute.sub)
        }
        guard tokens[1].token == .openBracket, attribute.sub == nil,
            let close = tokens.lastIndex(where: { $0.token == .closeBracket })
        else { throw SCIMError.bad(.invalidPath, "Expected [ after the attribute name.") }
        let filter = try FilterParser.parseInner(Array(tokens[2..<close]))
        let tail = tokens[(close + 1)...]
        if tail.isEmpty {
            return AttributePath(
                isExtended: extended, name: attribute.name, filter: filter, sub: nil)
        }
        guard tail.count == 1, case .dotted(let sub) = tail.first?.token, !sub.isEmpty else {
            throw SCIMError.bad(.invalidPath, "Expected one sub-attribute after ].")
        }
        return AttributePath(isExtended: extended, name: attribute.name, filter: filter, sub: sub)
    }
}
