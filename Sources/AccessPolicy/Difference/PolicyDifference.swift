/// How two policy documents differ, statement by statement.
///
/// Statements belong together by Sid, else by content. Order, and a string in place of a list of
/// one, make no difference; neither does the case of actions.
package struct PolicyDifference: Sendable, Equatable {
    /// One element of a statement with another value.
    package struct ElementChange: Sendable, Equatable {
        /// Such as "Condition".
        package let element: String
        /// Canonical JSON; nil when the statement does not have the element.
        package let before: String?
        package let after: String?

        package init(element: String, before: String?, after: String?) {
            self.element = element
            self.before = before
            self.after = after
        }
    }

    package enum Change: Sendable, Equatable {
        /// Only in the second document; the text is canonical JSON.
        case added(statement: String, json: String)
        /// Only in the first document.
        case removed(statement: String, json: String)
        case changed(statement: String, elements: [ElementChange])
    }

    package let changes: [Change]

    package var isEmpty: Bool { changes.isEmpty }

    /// Compares `first` with `second`.
    package init(from first: PolicyDocument, to second: PolicyDocument) {
        var rest = second.source.map(NormalStatement.init)
        var unmatched: [(Int, NormalStatement)] = []
        var changes: [(Int, Change)] = []
        let own = first.source.map(NormalStatement.init)
        for (index, statement) in own.enumerated() {
            if let same = rest.firstIndex(of: statement) {
                rest.remove(at: same)
            } else {
                unmatched.append((index, statement))
            }
        }
        for (index, statement) in unmatched {
            let partner = rest.firstIndex { statement.sid != nil && $0.sid == statement.sid }
            if let partner {
                let elements = statement.changes(to: rest.remove(at: partner))
                changes.append(
                    (index, .changed(statement: statement.name(index), elements: elements)))
            } else {
                let name = statement.name(index)
                changes.append((index, .removed(statement: name, json: statement.json)))
            }
        }
        self.changes =
            changes.sorted { $0.0 < $1.0 }.map(\.1)
            + rest.enumerated().map {
                .added(statement: $0.element.name($0.offset), json: $0.element.json)
            }
    }
}

extension PolicyDifference {
    /// What differs, for people: a line for each statement and changed element, with "-" for the
    /// first document and "+" for the second.
    package var lines: [String] {
        changes.flatMap { change -> [String] in
            switch change {
            case .added(let name, let json): ["+ \(name): \(json)"]
            case .removed(let name, let json): ["- \(name): \(json)"]
            case .changed(let name, let elements):
                ["  \(name)"]
                    + elements.flatMap { element in
                        [
                            element.before.map { "-   \(element.element): \($0)" },
                            element.after.map { "+   \(element.element): \($0)" },
                        ].compactMap { $0 }
                    }
            }
        }
    }
}

/// A statement in the form that is compared.
private struct NormalStatement: Equatable {
    let sid: String?
    let elements: [String: JSONValue]

    init(_ value: JSONValue) {
        guard case .object(let members) = value else {
            sid = nil
            elements = [:]
            return
        }
        if case .string(let text) = members["Sid"], !text.isEmpty { sid = text } else { sid = nil }
        var elements = members.filter { $0.key != "Sid" }
        for (name, value) in elements {
            switch name {
            case "Action", "NotAction": elements[name] = Self.list(value, lowercased: true)
            case "Resource", "NotResource": elements[name] = Self.list(value)
            case "Principal", "NotPrincipal": elements[name] = Self.principal(value)
            case "Condition": elements[name] = Self.condition(value)
            default: break
            }
        }
        self.elements = elements
    }

    func name(_ index: Int) -> String { sid ?? "statement \(index + 1)" }

    var json: String {
        var members = elements
        if let sid { members["Sid"] = .string(sid) }
        return JSONValue.object(members).canonicalText
    }

    func changes(to other: NormalStatement) -> [PolicyDifference.ElementChange] {
        Set(elements.keys).union(other.elements.keys).sorted().compactMap { name in
            let before = elements[name]
            let after = other.elements[name]
            guard before != after else { return nil }
            return .init(
                element: name, before: before?.canonicalText, after: after?.canonicalText)
        }
    }

    /// A sorted list without repetitions, whether it was written as one value or many.
    private static func list(_ value: JSONValue, lowercased: Bool = false) -> JSONValue {
        var texts: [String]
        if case .array(let values) = value {
            texts = values.compactMap(\.scalarText)
        } else {
            texts = [value.scalarText].compactMap { $0 }
        }
        if lowercased { texts = texts.map { $0.lowercased() } }
        return .array(Set(texts).sorted().map(JSONValue.string))
    }

    private static func principal(_ value: JSONValue) -> JSONValue {
        guard case .object(let members) = value else { return .object(["AWS": list(value)]) }
        return .object(members.mapValues { list($0) })
    }

    private static func condition(_ value: JSONValue) -> JSONValue {
        guard case .object(let operators) = value else { return value }
        return .object(
            operators.mapValues { keys in
                guard case .object(let keys) = keys else { return keys }
                return .object(
                    Dictionary(
                        keys.map { ($0.key.lowercased(), list($0.value)) },
                        uniquingKeysWith: { first, _ in first }))
            })
    }
}
