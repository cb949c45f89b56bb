/// The condition operators of IAM, without quantifier and `IfExists`.
enum ConditionOperator: Sendable, Equatable {
    enum Comparison: Sendable {
        case equal
        case less
        case lessOrEqual
        case greater
        case greaterOrEqual

        func holds(_ one: Double, _ other: Double) -> Bool {
            switch self {
            case .equal: one == other
            case .less: one < other
            case .lessOrEqual: one <= other
            case .greater: one > other
            case .greaterOrEqual: one >= other
            }
        }
    }

    case string(negated: Bool)
    case stringIgnoringCase(negated: Bool)
    case stringLike(negated: Bool)
    case numeric(Comparison, negated: Bool)
    case date(Comparison, negated: Bool)
    case bool
    case binary
    case address(negated: Bool)
    case arn(negated: Bool)
    case null

    init?(name: String) {
        guard let known = Self.byName[name] else { return nil }
        self = known
    }

    /// Whether the operator asks that nothing matches.
    var isNegated: Bool {
        switch self {
        case .string(let negated), .stringIgnoringCase(let negated), .stringLike(let negated),
            .numeric(_, let negated), .date(_, let negated), .address(let negated),
            .arn(let negated):
            negated
        case .bool, .binary, .null: false
        }
    }

    private static let byName: [String: ConditionOperator] = {
        var table: [String: ConditionOperator] = [
            "StringEquals": .string(negated: false),
            "StringNotEquals": .string(negated: true),
            "StringEqualsIgnoreCase": .stringIgnoringCase(negated: false),
            "StringNotEqualsIgnoreCase": .stringIgnoringCase(negated: true),
            "StringLike": .stringLike(negated: false),
            "StringNotLike": .stringLike(negated: true),
            "Bool": .bool,
            "BinaryEquals": .binary,
            "IpAddress": .address(negated: false),
            "NotIpAddress": .address(negated: true),
            "ArnEquals": .arn(negated: false),
            "ArnLike": .arn(negated: false),
            "ArnNotEquals": .arn(negated: true),
            "ArnNotLike": .arn(negated: true),
            "Null": .null,
        ]
        let comparisons: [(String, Comparison, Bool)] = [
            ("Equals", .equal, false), ("NotEquals", .equal, true), ("LessThan", .less, false),
            ("LessThanEquals", .lessOrEqual, false), ("GreaterThan", .greater, false),
            ("GreaterThanEquals", .greaterOrEqual, false),
        ]
        for (name, comparison, negated) in comparisons {
            table["Numeric\(name)"] = .numeric(comparison, negated: negated)
            table["Date\(name)"] = .date(comparison, negated: negated)
        }
        return table
    }()
}
