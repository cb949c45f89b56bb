import AccessPolicy

/// An operation on keys as policies, grants and figures name it.
struct KeyOperation: Sendable {
    /// "Decrypt", …
    let name: String
    /// "kms:Decrypt", …
    let action: PolicyAction
    /// Different for each of the operations below; 0 for any other.
    let number: UInt8

    init(_ name: String, _ number: UInt8 = 0) {
        self.name = name
        self.action = PolicyAction("kms:\(name)")
        self.number = number
    }

    static let encrypt = KeyOperation("Encrypt", 1)
    static let decrypt = KeyOperation("Decrypt", 2)
    static let reEncryptFrom = KeyOperation("ReEncryptFrom", 3)
    static let reEncryptTo = KeyOperation("ReEncryptTo", 4)
    static let generateDataKey = KeyOperation("GenerateDataKey", 5)
    static let generateDataKeyWithoutPlaintext = KeyOperation("GenerateDataKeyWithoutPlaintext", 6)
    static let generateDataKeyPair = KeyOperation("GenerateDataKeyPair", 7)
    static let generateDataKeyPairWithoutPlaintext = KeyOperation(
        "GenerateDataKeyPairWithoutPlaintext", 8)
    static let sign = KeyOperation("Sign", 9)
    static let verify = KeyOperation("Verify", 10)
    static let getPublicKey = KeyOperation("GetPublicKey", 11)
    static let generateMac = KeyOperation("GenerateMac", 12)
    static let verifyMac = KeyOperation("VerifyMac", 13)
}
