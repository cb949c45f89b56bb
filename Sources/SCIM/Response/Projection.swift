/// Which attributes of a resource the client wants (RFC 7644 section 3.9).
package struct Projection: Equatable, Sendable {
    /// Lower case; nil: all.
    private let included: Set<String>?
    private let excluded: Set<String>

    /// `attributes` and `excludedAttributes` as in the query, comma-separated. At most 64 names.
    ///
    /// Throws `invalidValue` when both are given.
    package init(attributes: String?, excludedAttributes: String?) throws {
        if attributes?.isEmpty == false, excludedAttributes?.isEmpty == false {
            throw SCIMError.bad(
                .invalidValue, "attributes and excludedAttributes exclude each other.")
        }
        let included = Self.names(attributes)
        self.included = included.isEmpty ? nil : included
        self.excluded = Self.names(excludedAttributes)
    }

    private static func names(_ text: String?) -> Set<String> {
        let names = (text ?? "").split(separator: ",").prefix(64).map { part in
            part.trimmingPrefix(while: \.isWhitespace).lowercased()
        }
        return Set(names.flatMap(withoutSchema))
    }

    private static func withoutSchema(_ name: String) -> [String] {
        let (extended, rest) = SCIMSchema.split(name)
        if rest.isEmpty { return extended ? [SCIMSchema.enterprise.lowercased()] : [] }
        return [extended ? "\(SCIMSchema.enterprise.lowercased()):\(rest)" : String(rest)]
    }

    /// Whether an attribute is to be sent; for leaving out work such as listing members.
    package func wants(_ name: String) -> Bool {
        let folded = name.lowercased()
        if let included {
            return included.contains { $0 == folded || $0.hasPrefix("\(folded).") }
        }
        return !excluded.contains(folded)
    }

    /// The resource with what is wanted. "schemas", "id" and "meta" always stay.
    package func applied(to resource: SCIMObject) -> SCIMObject {
        guard included != nil || !excluded.isEmpty else { return resource }
        var result = SCIMObject()
        for (name, value) in resource.entries {
            let folded = name.lowercased()
            if ["schemas", "id", "meta"].contains(folded) {
                result[name] = value
            } else if let part = projected(value, folded) {
                result[name] = part
            }
        }
        return result
    }

    private func projected(_ value: SCIMValue, _ name: String) -> SCIMValue? {
        let separator = name == SCIMSchema.enterprise.lowercased() ? ":" : "."
        func subNames(_ names: Set<String>) -> Set<String> {
            Set(
                names.filter { $0.hasPrefix(name + separator) }
                    .map { String($0.dropFirst(name.count + 1)) })
        }
        if let included {
            if included.contains(name) { return value }
            let subs = subNames(included)
            return subs.isEmpty ? nil : Self.keeping(value) { subs.contains($0) }
        }
        if excluded.contains(name) { return nil }
        let subs = subNames(excluded)
        return subs.isEmpty ? value : Self.keeping(value) { !subs.contains($0) }
    }

    private static func keeping(
        _ value: SCIMValue, where wanted: (String) -> Bool
    ) -> SCIMValue {
        switch value {
        case .array(let elements): .array(elements.map { keeping($0, where: wanted) })
        case .object(let object):
            .object(
                SCIMObject(
                    object.entries.filter { wanted($0.name.lowercased()) }
                        .map { ($0.name, $0.value) }))
        default: value
        }
    }
}
