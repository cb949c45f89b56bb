import RPC

/// How a caller names a key: ID, ARN, alias or alias ARN.
struct KeyReference: Sendable, Equatable {
    enum Target: Sendable, Equatable {
        case keyID(String)
        /// With its "alias/".
        case alias(String)
    }

    let target: Target
    /// Of an ARN; nil otherwise.
    let region: String?
    let accountID: String?

    private static let byteCountMax = 2048

    /// The alias by which a text names a key, as policies see it in kms:RequestAlias.
    static func alias(in text: String) -> String? {
        guard text.hasPrefix("a"), let reference = try? KeyReference(text),
            case .alias(let name) = reference.target
        else { return nil }
        return name
    }

    /// - Throws: ValidationException when the text is none of the four forms.
    init(_ text: String) throws {
        guard (1...Self.byteCountMax).contains(text.utf8.count) else {
            throw RPCError.validation("A key is named by 1 to \(Self.byteCountMax) bytes.")
        }
        guard text.hasPrefix("arn:") else {
            region = nil
            accountID = nil
            target = text.hasPrefix("alias/") ? .alias(text) : .keyID(text)
            return
        }
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[2] == "kms" else {
            throw RPCError.validation("\(text.prefix(256)) is not the ARN of a key or alias.")
        }
        region = String(parts[3])
        accountID = String(parts[4])
        if parts[5].hasPrefix("key/") {
            target = .keyID(String(parts[5].dropFirst("key/".count)))
        } else if parts[5].hasPrefix("alias/") {
            target = .alias(String(parts[5]))
        } else {
            throw RPCError.validation("\(text.prefix(256)) is not the ARN of a key or alias.")
        }
    }
}
