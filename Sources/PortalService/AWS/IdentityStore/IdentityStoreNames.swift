/// How requests name things of the Identity Store: by ID, or by an ARN that ends in one.
enum IdentityStoreNames {
    enum Kind: String, Sendable {
        case user, group, membership
    }

    static func arn(_ kind: Kind, _ id: String) -> String {
        "arn:aws:identitystore:::\(kind.rawValue)/\(id)"
    }

    /// The ID of a thing, without what AWS' older IDs begin with or what an ARN does.
    ///
    /// - Parameter member: of the request, for the message.
    ///
    /// Throws: `AWSError` ValidationException unless it is `([0-9a-f]{10}-)?<UUID>`.
    static func id(_ text: String, _ kind: Kind, _ member: String) throws -> String {
        let prefix = arn(kind, "")
        let id = text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
        guard isID(id) else {
            throw AWSError.validation(
                "1 validation error detected: Value at '\(member)' failed to satisfy constraint: "
                    + "Member must be the ID or the ARN of a \(kind.rawValue)")
        }
        return id.lowercased()
    }

    private static func isID(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let lengths = parts.map(\.utf8.count)
        guard lengths == [8, 4, 4, 4, 12] || lengths == [10, 8, 4, 4, 4, 12] else { return false }
        return parts.allSatisfy { $0.utf8.allSatisfy(isHexadecimal) }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
