/// Turns the JSON of one statement into its compiled form, checking every element.
struct StatementParser {
    let kind: PolicyDocument.Kind
    /// Documents of version 2008-10-17 take `${…}` literally.
    let expandsVariables: Bool

    private static let elements: Set<String> = [
        "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource",
        "NotResource", "Condition",
    ]
    private static let listCountMax = 1000

    func parse(_ value: JSONValue, index: Int) throws -> PolicyStatement {
        let path = "Statement[\(index)]"
        guard case .object(let members) = value else {
            throw PolicyError(path: path, message: "expected an object, found \(value.kind)")
        }
        if let unknown = members.keys.filter({ !Self.elements.contains($0) }).min() {
            throw PolicyError(
                path: "\(path).\(unknown)", message: "there is no such element in a statement")
        }
        return PolicyStatement(
            index: index,
            sid: try sid(members["Sid"], path),
            effect: try effect(members["Effect"], path),
            principals: try principals(members, path),
            actions: try choice(members, "Action", path) { try action($0, $1) },
            resources: try choice(members, "Resource", path) { try resource($0, $1) },
            conditions: try conditions(members["Condition"], "\(path).Condition"))
    }

    private func sid(_ value: JSONValue?, _ path: String) throws -> String? {
        guard let value else { return nil }
        guard case .string(let text) = value, text.utf8.count <= 256 else {
            throw PolicyError(
                path: "\(path).Sid", message: "expected a string of at most 256 bytes")
        }
        return text
    }

    private func effect(_ value: JSONValue?, _ path: String) throws -> PolicyStatement.Effect {
        switch value {
        case .string("Allow"): return .allow
        case .string("Deny"): return .deny
        case nil: throw PolicyError(path: "\(path).Effect", message: "the element is missing")
        default: throw PolicyError(path: "\(path).Effect", message: "expected Allow or Deny")
        }
    }

    private func principals(
        _ members: [String: JSONValue], _ path: String
    ) throws -> PrincipalMatcher? {
        let (value, name) = try exclusive(
            members, "Principal", path, required: kind == .resource)
        guard let value else { return nil }
        guard kind == .resource else {
            throw PolicyError(
                path: "\(path).\(name)", message: "an identity policy names no principals")
        }
        return try PrincipalMatcher(
            value, negated: name == "NotPrincipal", path: "\(path).\(name)")
    }

    /// Of an element and its `Not…` form at most one may be there.
    private func exclusive(
        _ members: [String: JSONValue], _ name: String, _ path: String, required: Bool
    ) throws -> (JSONValue?, String) {
        let negatedName = "Not\(name)"
        switch (members[name], members[negatedName]) {
        case (let value?, nil): return (value, name)
        case (nil, let value?): return (value, negatedName)
        case (.some, .some):
            throw PolicyError(
                path: path, message: "\(name) and \(negatedName) exclude each other")
        case (nil, nil):
            guard required else { return (nil, name) }
            throw PolicyError(path: "\(path).\(name)", message: "the element is missing")
        }
    }

    private func choice(
        _ members: [String: JSONValue], _ name: String, _ path: String,
        compile: (String, String) throws -> PolicyPattern
    ) throws -> PolicyStatement.Choice {
        let (value, used) = try exclusive(members, name, path, required: true)
        let texts = try Self.strings(value ?? .null, "\(path).\(used)")
        let patterns = try texts.map { try compile($0.text, $0.path) }
        return PolicyStatement.Choice(patterns: patterns, negated: used != name)
    }

    private func action(_ text: String, _ path: String) throws -> PolicyPattern {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let wellFormed = parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
        guard text == "*" || wellFormed else {
            throw PolicyError(
                path: path, message: "\"\(text)\" is not an action such as \"kms:Decrypt\"")
        }
        return try PolicyPattern(
            text.lowercased(), wildcards: true, variables: false, path: path)
    }

    private func resource(_ text: String, _ path: String) throws -> PolicyPattern {
        guard text == "*" || text.hasPrefix("arn:") else {
            throw PolicyError(path: path, message: "\"\(text)\" is neither \"*\" nor an ARN")
        }
        return try PolicyPattern(text, wildcards: true, variables: expandsVariables, path: path)
    }

    private func conditions(_ value: JSONValue?, _ path: String) throws -> [ConditionTest] {
        guard let value else { return [] }
        guard case .object(let operators) = value else {
            throw PolicyError(path: path, message: "expected an object, found \(value.kind)")
        }
        return try operators.sorted { $0.key < $1.key }.flatMap { name, keys in
            guard case .object(let keys) = keys else {
                throw PolicyError(
                    path: "\(path).\(name)", message: "expected an object, found \(keys.kind)")
            }
            return try keys.sorted { $0.key < $1.key }.map { key, values in
                try ConditionTest(
                    operatorName: name, key: key, values: values,
                    expandsVariables: expandsVariables, path: "\(path).\(name)")
            }
        }
    }

    /// A string or a list of strings, each with its path.
    static func strings(
        _ value: JSONValue, _ path: String
    ) throws -> [(text: String, path: String)] {
        switch value {
        case .string(let text): return [(text, path)]
        case .array(let values) where (1...listCountMax).contains(values.count):
            return try values.enumerated().map { index, element in
                guard case .string(let text) = element else {
                    throw PolicyError(
                        path: "\(path)[\(index)]",
                        message: "expected a string, found \(element.kind)")
                }
                return (text, "\(path)[\(index)]")
            }
        case .array: throw PolicyError(path: path, message: "expected 1 to \(listCountMax) values")
        default:
            throw PolicyError(
                path: path, message: "expected a string or a list of strings, found \(value.kind)")
        }
    }
}
