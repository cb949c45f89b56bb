/// Key IDs in their two forms. A multi-Region key has the same ID in every Region.
enum KeyReference {
    /// "mrk-…" or a UUID, from a key ID or a key ARN.
    static func keyID(_ text: String) -> String {
        guard text.hasPrefix("arn:"), let slash = text.lastIndex(of: "/") else { return text }
        return String(text[text.index(after: slash)...])
    }

    /// Whether both name the same key material.
    static func isSameKey(_ one: String, _ other: String) -> Bool { keyID(one) == keyID(other) }
}
