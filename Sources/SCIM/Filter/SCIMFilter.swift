/// A parsed filter (RFC 7644 section 3.4.2.2).
package indirect enum SCIMFilter: Equatable, Sendable {
    case compare(AttributeName, Comparison, SCIMValue)
    case present(AttributeName)
    /// `emails[type eq "work"]`: some element of the attribute matches all of the inner filter.
    case element(AttributeName, SCIMFilter)
    case and(SCIMFilter, SCIMFilter)
    case or(SCIMFilter, SCIMFilter)
    case not(SCIMFilter)

    package enum Comparison: String, Sendable {
        case eq, ne, co, sw, ew, gt, ge, lt, le
    }

    /// The attribute and value when the filter is one equality, such as `userName eq "x"`.
    package var soleEquality: (attribute: AttributeName, value: SCIMValue)? {
        if case .compare(let name, .eq, let value) = self { (name, value) } else { nil }
    }
}

/// Which attribute: `name.givenName`, `urn:…:User:department`.
package struct AttributeName: Hashable, Sendable {
    /// Belongs to the enterprise extension.
    package let isExtended: Bool
    /// As written.
    package let name: String
    package let sub: String?

    package init(isExtended: Bool = false, name: String, sub: String? = nil) {
        self.isExtended = isExtended
        self.name = name
        self.sub = sub
    }

    /// Lower case, for comparing: "username", "name.givenname".
    package var folded: String { (sub.map { "\(name).\($0)" } ?? name).lowercased() }
}
