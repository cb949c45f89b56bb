/// The condition keys of a request, each with its values. Keys are compared without regard to case.
///
/// Keys that are the same for many requests, such as those about the caller, are kept in layers
/// that requests share.
package struct PolicyContext: Sendable, Equatable {
    /// Condition keys in lower case with their values.
    package typealias Layer = [String: [String]]

    private var values: Layer
    private let layers: [Layer]

    package init() {
        values = [:]
        layers = []
    }

    package init(_ values: [String: [String]]) {
        self.values = Self.layer(values)
        layers = []
    }

    /// A context over shared layers, of which the first that has a key wins.
    ///
    /// - Parameter own: wins over all layers; its keys are in lower case already.
    package init(lowercased own: Layer, over layers: [Layer]) {
        values = own
        self.layers = layers
    }

    /// Values with their keys in lower case.
    package static func layer(_ values: [String: [String]]) -> Layer {
        Dictionary(
            values.map { ($0.key.lowercased(), $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    /// The values of a key. Setting nil removes only what was set here, not what a layer has.
    package subscript(key: String) -> [String]? {
        get { self[lowercased: key.lowercased()] }
        set { values[key.lowercased()] = newValue }
    }

    /// The same for a key that is in lower case already, without making sure of it.
    package subscript(lowercased key: String) -> [String]? {
        if let own = values[key] { return own }
        for layer in layers {
            if let value = layer[key] { return value }
        }
        return nil
    }

    /// The value of a key that has exactly one.
    func single(_ lowercasedKey: String) -> String? {
        guard let values = self[lowercased: lowercasedKey], values.count == 1 else { return nil }
        return values[0]
    }
}
