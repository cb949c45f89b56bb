/// One operator applied to one context key.
struct ConditionTest: Sendable {
    enum Quantifier: Sendable {
        case none
        case forAllValues
        case forAnyValue
    }

    /// As written, with quantifier and `IfExists`.
    let operatorName: String
    /// As written; compared without regard to case.
    let key: String
    /// As written, for messages.
    let expected: [String]

    private let lookUpKey: String
    private let quantifier: Quantifier
    private let ifExists: Bool
    private let negated: Bool
    private let matcher: ConditionMatcher
    private let hasVariables: Bool

    /// - Throws: `PolicyError` for an unknown operator or a value that it cannot take.
    init(
        operatorName: String, key: String, values: JSONValue, expandsVariables: Bool, path: String
    ) throws {
        self.operatorName = operatorName
        self.key = key
        lookUpKey = key.lowercased()
        guard !key.isEmpty else { throw PolicyError(path: path, message: "a key has no name") }
        var name = operatorName[...]
        quantifier = Self.takeQuantifier(&name)
        ifExists = name.hasSuffix("IfExists") && name != "IfExists"
        if ifExists { name = name.dropLast("IfExists".count) }
        guard let family = ConditionOperator(name: String(name)) else {
            throw PolicyError(path: path, message: "there is no such condition operator")
        }
        if family == .null, ifExists || quantifier != .none {
            throw PolicyError(path: path, message: "Null takes neither quantifier nor IfExists")
        }
        negated = family.isNegated
        expected = try Self.texts(values, "\(path).\(key)")
        matcher = try ConditionMatcher(
            family, expected, variables: expandsVariables, path: "\(path).\(key)")
        hasVariables = matcher.hasVariables
    }

    /// Whether the condition is met.
    ///
    /// A missing key fails a positive operator and meets a negated one; with `IfExists` or
    /// `ForAllValues` it meets both, with `ForAnyValue` neither (IAM User Guide, "Condition
    /// operators"). A policy variable without a single value fails the condition.
    func holds(in context: PolicyContext) -> Bool {
        let values = context[lowercased: lookUpKey]
        if case .null(let mustBeAbsent) = matcher {
            return (values == nil) == mustBeAbsent
        }
        if hasVariables, !matcher.isResolvable(in: context) { return false }
        guard let values, !values.isEmpty else {
            if ifExists { return true }
            switch quantifier {
            case .none: return negated
            case .forAllValues: return true
            case .forAnyValue: return false
            }
        }
        switch quantifier {
        case .none:
            return values.contains { matcher.matches($0, in: context) } != negated
        case .forAllValues:
            return values.allSatisfy { matcher.matches($0, in: context) != negated }
        case .forAnyValue:
            return values.contains { matcher.matches($0, in: context) != negated }
        }
    }

    /// The key that is tested and those of policy variables, in lower case.
    var conditionKeysRead: [String] { [lookUpKey] + matcher.variableKeys }

    private static func takeQuantifier(_ name: inout Substring) -> Quantifier {
        if name.hasPrefix("ForAllValues:") {
            name = name.dropFirst("ForAllValues:".count)
            return .forAllValues
        }
        if name.hasPrefix("ForAnyValue:") {
            name = name.dropFirst("ForAnyValue:".count)
            return .forAnyValue
        }
        return .none
    }

    /// Conditions also take numbers and Booleans, which are compared as text.
    private static func texts(_ value: JSONValue, _ path: String) throws -> [String] {
        if let text = value.scalarText { return [text] }
        guard case .array(let values) = value, (1...1000).contains(values.count) else {
            throw PolicyError(path: path, message: "expected a value or a list of 1 to 1000 values")
        }
        return try values.enumerated().map { index, value in
            guard let text = value.scalarText else {
                throw PolicyError(
                    path: "\(path)[\(index)]",
                    message: "expected a string, number or Boolean, found \(value.kind)")
            }
            return text
        }
    }
}
