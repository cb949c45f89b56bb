import FoundationEssentials

/// The values of a condition, compiled for the operator's kind of comparison.
enum ConditionMatcher: Sendable {
    case patterns([PolicyPattern])
    case ignoringCase([PolicyPattern])
    case numeric(ConditionOperator.Comparison, [Double])
    case date(ConditionOperator.Comparison, [Double])
    case bool([Bool])
    case binary([[UInt8]])
    case address([AddressRange])
    case arn([ARNPattern])
    /// True: the key must be absent.
    case null(Bool)

    init(
        _ family: ConditionOperator, _ texts: [String], variables: Bool, path: String
    ) throws {
        func each<Value>(_ kind: String, _ parse: (String) -> Value?) throws -> [Value] {
            try texts.map { text in
                guard let value = parse(text) else {
                    throw PolicyError(path: path, message: "\"\(text)\" is not \(kind)")
                }
                return value
            }
        }
        switch family {
        case .string:
            self = .patterns(
                try texts.map {
                    try PolicyPattern($0, wildcards: false, variables: variables, path: path)
                })
        case .stringLike:
            self = .patterns(
                try texts.map {
                    try PolicyPattern($0, wildcards: true, variables: variables, path: path)
                })
        case .stringIgnoringCase:
            self = .ignoringCase(
                try texts.map {
                    try PolicyPattern($0, wildcards: false, variables: variables, path: path)
                })
        case .numeric(let comparison, _):
            self = .numeric(comparison, try each("a number", Self.number))
        case .date(let comparison, _):
            self = .date(
                comparison, try each("a date such as 2026-11-24T05:25:00Z", PolicyDate.parse))
        case .bool: self = .bool(try each("true or false", Self.bool))
        case .binary: self = .binary(try each("Base64", Self.binary))
        case .address: self = .address(try each("an IP address or CIDR block", AddressRange.init))
        case .arn:
            self = .arn(try texts.map { try ARNPattern($0, variables: variables, path: path) })
        case .null:
            let values = try each("true or false", Self.bool)
            guard values.count == 1 else {
                throw PolicyError(path: path, message: "Null takes one value")
            }
            self = .null(values[0])
        }
    }

    var hasVariables: Bool {
        switch self {
        case .patterns(let patterns), .ignoringCase(let patterns):
            patterns.contains { $0.hasVariables }
        case .arn(let patterns): patterns.contains { $0.hasVariables }
        default: false
        }
    }

    /// Keys of policy variables, in lower case.
    var variableKeys: [String] {
        switch self {
        case .patterns(let patterns), .ignoringCase(let patterns):
            patterns.flatMap(\.variableKeys)
        case .arn(let patterns): patterns.flatMap(\.variableKeys)
        default: []
        }
    }

    func isResolvable(in context: PolicyContext) -> Bool {
        switch self {
        case .patterns(let patterns), .ignoringCase(let patterns):
            patterns.allSatisfy { $0.isResolvable(in: context) }
        case .arn(let patterns): patterns.allSatisfy { $0.isResolvable(in: context) }
        default: true
        }
    }

    /// Whether one value of the context fits one of the policy's values.
    func matches(_ value: String, in context: PolicyContext) -> Bool {
        switch self {
        case .patterns(let patterns): return patterns.contains { $0.matches(value, in: context) }
        case .ignoringCase(let patterns):
            let lowercased = value.lowercased()
            return patterns.contains { $0.resolvedText(in: context)?.lowercased() == lowercased }
        case .numeric(let comparison, let numbers):
            guard let number = Self.number(value) else { return false }
            return numbers.contains { comparison.holds(number, $0) }
        case .date(let comparison, let dates):
            guard let date = PolicyDate.parse(value) else { return false }
            return dates.contains { comparison.holds(date, $0) }
        case .bool(let values):
            guard let bool = Self.bool(value) else { return false }
            return values.contains(bool)
        case .binary(let values):
            guard let bytes = Self.binary(value) else { return false }
            return values.contains(bytes)
        case .address(let ranges):
            guard let address = AddressRange.address(value) else { return false }
            return ranges.contains { $0.contains(address) }
        case .arn(let patterns): return patterns.contains { $0.matches(value, in: context) }
        case .null: return false
        }
    }

    private static func number(_ text: String) -> Double? {
        guard let number = Double(text), number.isFinite else { return nil }
        return number
    }

    private static func bool(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true": true
        case "false": false
        default: nil
        }
    }

    private static func binary(_ text: String) -> [UInt8]? {
        Data(base64Encoded: text).map { [UInt8]($0) }
    }
}
