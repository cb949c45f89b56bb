/// A string of a policy, with `*`, `?` and policy variables, compiled for matching.
///
/// A `*` stands for any run of characters, `?` for one. `${key}` is replaced by the one value
/// of a context key, whose own `*` and `?` are plain characters; `${key, 'default'}` has a default;
/// `${*}`, `${?}` and `${$}` stand for the characters themselves.
struct PolicyPattern: Sendable {
    /// A byte of text, or one of the two wildcards above the byte range.
    typealias Element = UInt16
    static let anyRun: Element = 0x100
    static let anyOne: Element = 0x101

    private enum Form: Sendable {
        case any
        case literal([UInt8])
        case prefix([UInt8])
        case general([Element])
        case template([Part])
    }

    enum Part: Sendable {
        case fixed([Element])
        case variable(key: String, fallback: String?)
    }

    private let form: Form
    /// As it was written.
    let text: String

    /// - Throws: `PolicyError` for a variable that is not closed or has no name.
    init(_ text: String, wildcards: Bool, variables: Bool, path: String) throws {
        self.text = text
        let parts = try PatternParser(wildcards: wildcards, variables: variables, path: path)
            .parse(text)
        var elements: [Element] = []
        for part in parts {
            guard case .fixed(let fixed) = part else {
                form = .template(parts)
                return
            }
            elements += fixed
        }
        if elements == [Self.anyRun] {
            form = .any
        } else if elements.allSatisfy({ $0 < 0x100 }) {
            form = .literal(elements.map { UInt8(truncatingIfNeeded: $0) })
        } else if elements.last == Self.anyRun, elements.dropLast().allSatisfy({ $0 < 0x100 }) {
            form = .prefix(elements.dropLast().map { UInt8(truncatingIfNeeded: $0) })
        } else {
            form = .general(elements)
        }
    }

    /// Whether every string matches.
    var isAny: Bool { if case .any = form { true } else { false } }

    /// Whether evaluation needs context keys.
    var hasVariables: Bool { if case .template = form { true } else { false } }

    /// Keys of its variables, in lower case.
    var variableKeys: [String] {
        guard case .template(let parts) = form else { return [] }
        return parts.compactMap { if case .variable(let key, _) = $0 { key } else { nil } }
    }

    /// Whether every variable has exactly one value or a default.
    func isResolvable(in context: PolicyContext) -> Bool {
        guard case .template(let parts) = form else { return true }
        return parts.allSatisfy { part in
            guard case .variable(let key, let fallback) = part else { return true }
            return fallback != nil || context.single(key) != nil
        }
    }

    /// Whether `text` matches. False when a variable cannot be resolved.
    func matches(_ text: String, in context: PolicyContext) -> Bool {
        if isAny { return true }
        var text = text
        return text.withUTF8 { matches($0, in: context) }
    }

    /// Whether bytes match a pattern without variables.
    func matches(bytes: [UInt8]) -> Bool {
        if isAny { return true }
        return bytes.withUnsafeBufferPointer { matches($0, in: PolicyContext()) }
    }

    /// The pattern with its variables filled in, as text to compare without regard to case.
    func resolvedText(in context: PolicyContext) -> String? {
        guard case .template(let parts) = form else {
            if case .literal(let bytes) = form { return String(decoding: bytes, as: UTF8.self) }
            return text
        }
        return elements(parts, context).map {
            String(decoding: $0.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
        }
    }

    private func matches(
        _ text: UnsafeBufferPointer<UInt8>, in context: PolicyContext
    ) -> Bool {
        switch form {
        case .any: true
        case .literal(let bytes): text.elementsEqual(bytes)
        case .prefix(let bytes): text.count >= bytes.count && text.starts(with: bytes)
        case .general(let elements): Self.matches(text, elements)
        case .template(let parts):
            elements(parts, context).map { Self.matches(text, $0) } ?? false
        }
    }

    private func elements(_ parts: [Part], _ context: PolicyContext) -> [Element]? {
        var elements: [Element] = []
        for part in parts {
            switch part {
            case .fixed(let fixed): elements += fixed
            case .variable(let key, let fallback):
                guard let value = context.single(key) ?? fallback else { return nil }
                elements += value.utf8.map { Element($0) }
            }
        }
        return elements
    }

    /// Greedy matching that goes back to the last run only: never worse than length times length.
    private static func matches(
        _ text: UnsafeBufferPointer<UInt8>, _ pattern: [Element]
    ) -> Bool {
        var position = 0
        var element = 0
        var lastRun: (element: Int, position: Int)?
        while position < text.count {
            if element < pattern.count, pattern[element] == anyRun {
                lastRun = (element, position)
                element += 1
            } else if element < pattern.count, pattern[element] == anyOne {
                position = afterCharacter(text, position)
                element += 1
            } else if element < pattern.count, pattern[element] == Element(text[position]) {
                position += 1
                element += 1
            } else if let run = lastRun {
                element = run.element + 1
                position = run.position + 1
                lastRun = (run.element, position)
            } else {
                return false
            }
        }
        return pattern[element...].allSatisfy { $0 == anyRun }
    }

    private static func afterCharacter(
        _ text: UnsafeBufferPointer<UInt8>, _ position: Int
    ) -> Int {
        var next = position + 1
        while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
        return next
    }
}
