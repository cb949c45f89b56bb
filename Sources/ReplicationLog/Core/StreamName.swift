/// Names one stream of the log. Each stream has exactly one writing Region.
///
/// On the wire "control" or "region/<name>".
package struct StreamName: Hashable, Sendable {
    package let text: String

    private init(text: String) { self.text = text }

    /// Identities, permissions, instance: written by the primary.
    package static let control = StreamName(text: "control")

    /// What one Region writes itself: sessions, revocations, applications created there.
    package static func regional(_ region: String) -> StreamName {
        StreamName(text: "region/" + region)
    }

    /// Reads a name from the wire; nil unless it is well-formed.
    package init?(_ text: String) {
        if text == "control" {
            self.text = text
            return
        }
        guard text.hasPrefix("region/") else { return nil }
        let region = text.dropFirst("region/".count)
        guard RegionName.isValid(region) else { return nil }
        self.text = text
    }

    /// The Region of a regional stream; nil for the control stream.
    package var region: String? {
        self == .control ? nil : String(text.dropFirst("region/".count))
    }
}

extension StreamName: CustomStringConvertible {
    package var description: String { text }
}

/// Form of Region names, from the AWS models: `([a-z]+-){2,3}\d`, at most 32 characters.
package enum RegionName {
    package static func isValid(_ text: some StringProtocol) -> Bool {
        guard text.utf8.count <= 32 else { return false }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (3...4).contains(parts.count), let last = parts.last else { return false }
        guard last.utf8.count == 1, last.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return false
        }
        return parts.dropLast().allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { (97...122).contains($0) }
        }
    }
}
