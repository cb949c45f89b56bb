extension PolicyDocument {
    /// The document with only those statements that may be about a service, without blanks; nil
    /// when there are none. It decides about that service's actions as the whole document does.
    ///
    /// - Parameter service: as in actions, such as "kms".
    package func excerpt(about service: String) -> String? {
        let statements = source.filter { Self.mayBeAbout($0, service) }
        guard !statements.isEmpty else { return nil }
        return JSONValue.object([
            "Version": .string(version), "Statement": .array(statements),
        ]).canonicalText
    }

    private static func mayBeAbout(_ statement: JSONValue, _ service: String) -> Bool {
        guard case .object(let members) = statement, let actions = members["Action"] else {
            return true
        }
        switch actions {
        case .string(let action): return mayMatch(action, service)
        case .array(let values):
            return values.contains { value in
                guard case .string(let action) = value else { return true }
                return mayMatch(action, service)
            }
        default: return true
        }
    }

    /// Patterns with a wildcard before the colon may match any service.
    private static func mayMatch(_ action: String, _ service: String) -> Bool {
        let name = action.prefix { $0 != ":" }
        return name.contains { $0 == "*" || $0 == "?" } || name.lowercased() == service
    }
}
