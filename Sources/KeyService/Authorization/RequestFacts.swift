import AccessPolicy

/// What policies and constraints of grants may ask about one cryptographic request.
struct RequestFacts: Sendable {
    var context = EncryptionContext.empty
    /// One more condition key in lower case, such as the algorithm, with its value.
    var algorithm: (key: String, value: String)?
    /// Of Sign and Verify: "RAW" or "DIGEST".
    var messageType: String?
    /// Alias by which the request names the key; nil when it names it otherwise.
    var alias: String?
    /// Of ReEncrypt: whether both keys are the same.
    var isReEncryptionOnSameKey: Bool?

    /// Condition keys in lower case. Made only where a policy is really asked.
    var conditionKeys: PolicyContext.Layer {
        var keys = context.conditionKeys
        if let algorithm { keys[algorithm.key] = [algorithm.value] }
        if let messageType { keys["kms:messagetype"] = [messageType] }
        if let alias { keys["kms:requestalias"] = [alias] }
        if let isReEncryptionOnSameKey {
            keys["kms:reencryptonsamekey"] = [String(isReEncryptionOnSameKey)]
        }
        return keys
    }

    /// The same facts always give the same bytes, different ones different bytes.
    var fingerprint: [UInt8] {
        var bytes = context.canonicalBytes
        let same = isReEncryptionOnSameKey.map(String.init) ?? ""
        for text in [algorithm?.value ?? "", messageType ?? "", alias ?? "", same] {
            bytes.appendBigEndian(UInt32(text.utf8.count))
            bytes += text.utf8
        }
        return bytes
    }
}
