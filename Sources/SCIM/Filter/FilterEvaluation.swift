extension SCIMFilter {
    /// Whether a resource matches. Multi-valued attributes match when any value does.
    package func matches(_ resource: SCIMObject) -> Bool {
        switch self {
        case .and(let a, let b): return a.matches(resource) && b.matches(resource)
        case .or(let a, let b): return a.matches(resource) || b.matches(resource)
        case .not(let inner): return !inner.matches(resource)
        case .present(let name): return name.values(in: resource).contains { !$0.isUnassigned }
        case .element(let name, let inner):
            return AttributeName(isExtended: name.isExtended, name: name.name)
                .elements(in: resource).contains { element in
                    inner.matches(element.object ?? SCIMObject([("value", element)]))
                }
        case .compare(let name, let comparison, let wanted):
            let exact = SCIMSchema.caseExact.contains(name.folded)
            let found = name.values(in: resource)
            if wanted == .null {
                let isAbsent = found.allSatisfy(\.isUnassigned)
                return comparison == .eq ? isAbsent : comparison == .ne && !isAbsent
            }
            if comparison == .ne {
                return !found.contains { Self.compare($0, .eq, wanted, exact: exact) }
            }
            return found.contains { Self.compare($0, comparison, wanted, exact: exact) }
        }
    }

    private static func compare(
        _ found: SCIMValue, _ comparison: Comparison, _ wanted: SCIMValue, exact: Bool
    ) -> Bool {
        switch (found, wanted) {
        case (.string(let a), .string(let b)):
            return exact
                ? compareText(a, comparison, b)
                : compareText(a.lowercased(), comparison, b.lowercased())
        case (.bool(let a), _):
            guard let b = wanted.lenientBool else { return false }
            return comparison == .eq && a == b
        case (.integer(let a), .integer(let b)): return compareOrder(a, comparison, b)
        case (.integer(let a), .number(let b)): return compareOrder(Double(a), comparison, b)
        case (.number(let a), .integer(let b)): return compareOrder(a, comparison, Double(b))
        case (.number(let a), .number(let b)): return compareOrder(a, comparison, b)
        default: return false
        }
    }

    private static func compareText(_ a: String, _ comparison: Comparison, _ b: String) -> Bool {
        switch comparison {
        case .co: a.contains(b)
        case .sw: a.hasPrefix(b)
        case .ew: a.hasSuffix(b)
        default: compareOrder(a, comparison, b)
        }
    }

    private static func compareOrder<T: Comparable>(
        _ a: T, _ comparison: Comparison, _ b: T
    ) -> Bool {
        switch comparison {
        case .eq: a == b
        case .ne: a != b
        case .gt: a > b
        case .ge: a >= b
        case .lt: a < b
        case .le: a <= b
        case .co, .sw, .ew: false
        }
    }
}

extension AttributeName {
    /// The values to compare: elements of lists, and of complex elements the sub-attribute
    /// ("value" when none is named).
    func values(in resource: SCIMObject) -> [SCIMValue] {
        elements(in: resource).flatMap { element -> [SCIMValue] in
            guard let object = element.object else { return sub == nil ? [element] : [] }
            guard let value = object[sub ?? "value"] else {
                // A complex attribute without "value" is still present.
                return sub == nil && !object.isEmpty ? [element] : []
            }
            return value.array ?? [value]
        }
    }

    func elements(in resource: SCIMObject) -> [SCIMValue] {
        let holder =
            isExtended ? (resource[SCIMSchema.enterprise]?.object ?? SCIMObject()) : resource
        guard let value = holder[name] else { return [] }
        return value.array ?? [value]
    }
}
