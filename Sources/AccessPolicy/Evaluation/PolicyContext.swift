/// The condition keys of a request, each with its values. Keys are compared without regard to case.
package struct PolicyContext: Sendable, Equatable {
    private var values: [String: [String]]

    package init() {
        values = [:]
    }

    package init(_ values: [String: [String]]) {
        self.values = [:]
        self.values.reserveCapacity(values.count)
        for (key, value) in values { self.values[key.lowercased()] = value }
    }

    /// Sets a key; nil removes it.
    package subscript(key: String) -> [String]? {
        get { values[key.lowercased()] }
        set { values[key.lowercased()] = newValue }
    }

    /// The same for a key that is in lower case already, without making sure of it.
    package subscript(lowercased key: String) -> [String]? {
        get { values[key] }
        set { values[key] = newValue }
    }

    /// The value of a key that has exactly one.
    func single(_ lowercasedKey: String) -> String? {
        guard let values = values[lowercasedKey], values.count == 1 else { return nil }
        return values[0]
    }
}
