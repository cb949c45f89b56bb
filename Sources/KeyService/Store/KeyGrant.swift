/// A permission for one principal to perform some operations with one key.
struct KeyGrant: Sendable, Equatable, Codable {
    /// 64 hexadecimal digits.
    let id: String
    let name: String
    let createdAtMicroseconds: Int64
    let granteePrincipal: String
    /// May be empty.
    let retiringPrincipal: String
    /// Sorted: "Decrypt", "GenerateDataKey", …
    let operations: [String]
    /// Pairs that the encryption context has at least; empty: not constrained so.
    let contextSubset: [String: String]
    /// Pairs that the encryption context consists of; empty: not constrained so.
    let contextEquals: [String: String]

    /// Operations that a grant may be for.
    static let allOperations: Set<String> = contextOperations.union([
        "Sign", "Verify", "GetPublicKey", "GenerateMac", "VerifyMac", "DescribeKey", "RetireGrant",
        "CreateGrant",
    ])
    /// Those that carry an encryption context, so that constraints can hold.
    static let contextOperations: Set<String> = [
        "Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
    ]

    var isConstrained: Bool { !contextSubset.isEmpty || !contextEquals.isEmpty }

    /// Whether a grant with these constraints would allow nothing that this one does not.
    func covers(subset: [String: String], equals: [String: String]) -> Bool {
        if !contextEquals.isEmpty, contextEquals != equals { return false }
        let required = equals.isEmpty ? subset : equals
        return contextSubset.allSatisfy { required[$0.key] == $0.value }
    }

    /// Whether the grant allows an operation to a principal known by some names.
    func allows(_ operation: String, to names: [String], context: [String: String]) -> Bool {
        guard operations.contains(operation), names.contains(granteePrincipal) else { return false }
        guard isConstrained, Self.contextOperations.contains(operation) else { return true }
        if !contextEquals.isEmpty, contextEquals != context { return false }
        return contextSubset.allSatisfy { context[$0.key] == $0.value }
    }
}
