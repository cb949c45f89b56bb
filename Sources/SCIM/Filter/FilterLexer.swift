import Foundation

/// Cuts a filter or path into tokens.
struct FilterLexer {
    enum Token: Equatable {
        case word(String)
        case string(String)
        case open, close, openBracket, closeBracket
        /// A sub-attribute right behind a bracket: `].value`.
        case dotted(String)
    }

    struct Located: Equatable {
        let token: Token
        let offset: Int
    }

    private let text: [Character]
    private var index = 0

    /// Throws `invalidFilter` when the text is too long.
    init(_ text: String) throws {
        guard text.utf8.count <= SCIMLimits.filterBytesMax else {
            throw SCIMError.bad(
                .invalidFilter, "The filter is longer than \(SCIMLimits.filterBytesMax) bytes.")
        }
        self.text = Array(text)
    }

    /// All tokens, or `invalidFilter` naming the position.
    mutating func tokens() throws -> [Located] {
        var result: [Located] = []
        while index < text.count {
            let start = index
            switch text[index] {
            case " ", "\t": index += 1
            case "(": result.append(single(.open, start))
            case ")": result.append(single(.close, start))
            case "[": result.append(single(.openBracket, start))
            case "]": result.append(single(.closeBracket, start))
            case "\"": result.append(Located(token: .string(try stringLiteral()), offset: start))
            case ".":
                index += 1
                result.append(Located(token: .dotted(word()), offset: start))
            default:
                let content = word()
                guard !content.isEmpty else { throw unexpected(start) }
                result.append(Located(token: .word(content), offset: start))
            }
        }
        return result
    }

    private mutating func single(_ token: Token, _ start: Int) -> Located {
        index += 1
        return Located(token: token, offset: start)
    }

    private mutating func word() -> String {
        let start = index
        while index < text.count, Self.isWord(text[index]) { index += 1 }
        return String(text[start..<index])
    }

    private static func isWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || "-_:.$+".contains(character)
    }

    /// A JSON string, read by the JSON parser.
    private mutating func stringLiteral() throws -> String {
        let start = index
        index += 1
        while index < text.count, text[index] != "\"" {
            index += text[index] == "\\" ? 2 : 1
        }
        guard index < text.count else {
            throw SCIMError.bad(
                .invalidFilter, "The string at character \(start + 1) does not end.")
        }
        index += 1
        let literal = Data(String(text[start..<index]).utf8)
        guard
            let value = try? JSONSerialization.jsonObject(
                with: literal, options: [.fragmentsAllowed]) as? String
        else {
            throw SCIMError.bad(
                .invalidFilter, "The string at character \(start + 1) is malformed.")
        }
        return value
    }

    private func unexpected(_ offset: Int) -> SCIMError {
        .bad(.invalidFilter, "Unexpected '\(text[offset])' at character \(offset + 1).")
    }
}
