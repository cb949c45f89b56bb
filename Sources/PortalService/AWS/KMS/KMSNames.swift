import Contracts

/// Names on AWS' wire for values of the contracts.
struct NameTable<Value: Hashable & Sendable>: Sendable {
    private let member: String
    private let values: [String: Value]
    private let names: [Value: String]

    /// - Parameter member: as messages name it, with a small first letter.
    init(_ member: String, _ values: KeyValuePairs<String, Value>) {
        self.member = member
        self.values = Dictionary(uniqueKeysWithValues: values.map { ($0.key, $0.value) })
        names = Dictionary(uniqueKeysWithValues: values.map { ($0.value, $0.key) })
    }

    /// Nil for a value that has no name.
    func name(_ value: Value) -> String? { names[value] }

    /// Throws: `AWSError` ValidationException for a name that is not in the table.
    func value(_ name: String) throws -> Value {
        guard let value = values[name] else {
            throw AWSError.validation(
                "1 validation error detected: Value '\(name.prefix(64))' at '\(member)' failed to "
                    + "satisfy constraint: Member must satisfy enum value set: ["
                    + values.keys.sorted().joined(separator: ", ") + "]")
        }
        return value
    }

    /// The value of a member that need not be there.
    func value(_ name: String?, default value: Value) throws -> Value {
        guard let name else { return value }
        return try self.value(name)
    }
}

enum KMSNames {
    static let keySpec = NameTable<KeysKeySpec>(
        "keySpec",
        [
            "SYMMETRIC_DEFAULT": .symmetricDefault, "RSA_2048": .rsa2048, "RSA_3072": .rsa3072,
            "RSA_4096": .rsa4096, "ECC_NIST_P256": .eccNistP256, "ECC_NIST_P384": .eccNistP384,
            "ECC_NIST_P521": .eccNistP521, "HMAC_224": .hmac224, "HMAC_256": .hmac256,
            "HMAC_384": .hmac384, "HMAC_512": .hmac512,
        ])
    static let keyUsage = NameTable<KeysKeyUsage>(
        "keyUsage",
        [
            "ENCRYPT_DECRYPT": .encryptDecrypt, "SIGN_VERIFY": .signVerify,
            "GENERATE_VERIFY_MAC": .generateVerifyMac,
        ])
    static let keyState = NameTable<KeysKeyState>(
        "keyState",
        [
            "Creating": .creating, "Enabled": .enabled, "Disabled": .disabled,
            "PendingDeletion": .pendingDeletion, "PendingImport": .pendingImport,
            "PendingReplicaDeletion": .pendingReplicaDeletion, "Unavailable": .unavailable,
            "Updating": .updating,
        ])
    static let origin = NameTable<KeysKeyOrigin>(
        "origin", ["AWS_KMS": .awsKms, "EXTERNAL": .external])
    static let expirationModel = NameTable<KeysExpirationModel>(
        "expirationModel",
        [
            "KEY_MATERIAL_EXPIRES": .keyMaterialExpires,
            "KEY_MATERIAL_DOES_NOT_EXPIRE": .keyMaterialDoesNotExpire,
        ])
    static let multiRegionKeyType = NameTable<KeysMultiRegionKeyType>(
        "multiRegionKeyType", ["PRIMARY": .primary, "REPLICA": .replica])
    static let rotationType = NameTable<KeysRotationType>(
        "rotationType", ["AUTOMATIC": .automatic, "ON_DEMAND": .onDemand])
    static let encryptionAlgorithm = NameTable<KeysEncryptionAlgorithm>(
        "encryptionAlgorithm",
        [
            "SYMMETRIC_DEFAULT": .symmetricDefault, "RSAES_OAEP_SHA_1": .rsaesOaepSha1,
            "RSAES_OAEP_SHA_256": .rsaesOaepSha256,
        ])
    static let signingAlgorithm = NameTable<KeysSigningAlgorithm>(
        "signingAlgorithm",
        [
            "ECDSA_SHA_256": .ecdsaSha256, "ECDSA_SHA_384": .ecdsaSha384,
            "ECDSA_SHA_512": .ecdsaSha512, "RSASSA_PSS_SHA_256": .rsassaPssSha256,
            "RSASSA_PSS_SHA_384": .rsassaPssSha384, "RSASSA_PSS_SHA_512": .rsassaPssSha512,
            "RSASSA_PKCS1_V1_5_SHA_256": .rsassaPkcs1V15Sha256,
            "RSASSA_PKCS1_V1_5_SHA_384": .rsassaPkcs1V15Sha384,
            "RSASSA_PKCS1_V1_5_SHA_512": .rsassaPkcs1V15Sha512,
        ])
    static let macAlgorithm = NameTable<KeysMacAlgorithm>(
        "macAlgorithm",
        [
            "HMAC_SHA_224": .hmacSha224, "HMAC_SHA_256": .hmacSha256, "HMAC_SHA_384": .hmacSha384,
            "HMAC_SHA_512": .hmacSha512,
        ])
    static let wrappingAlgorithm = NameTable<KeysWrappingAlgorithm>(
        "wrappingAlgorithm",
        [
            "RSAES_OAEP_SHA_1": .rsaesOaepSha1, "RSAES_OAEP_SHA_256": .rsaesOaepSha256,
            "RSA_AES_KEY_WRAP_SHA_1": .rsaAesKeyWrapSha1,
            "RSA_AES_KEY_WRAP_SHA_256": .rsaAesKeyWrapSha256,
        ])
    static let importType = NameTable<KeysImportType>(
        "importType",
        ["NEW_KEY_MATERIAL": .newKeyMaterial, "EXISTING_KEY_MATERIAL": .existingKeyMaterial])
    static let messageType = NameTable<Bool>("messageType", ["RAW": false, "DIGEST": true])
    static let includeKeyMaterial = NameTable<Bool>(
        "includeKeyMaterial", ["ROTATIONS_ONLY": false, "ALL_KEY_MATERIAL": true])
    /// In bytes.
    static let dataKeySpec = NameTable<UInt32>("keySpec", ["AES_128": 16, "AES_256": 32])
}

extension KeysKeySpec {
    /// What a key of this spec and usage works with, as DescribeKey lists it.
    func encryptionAlgorithms(_ usage: KeysKeyUsage) -> [String]? {
        guard usage == .encryptDecrypt else { return nil }
        switch self {
        case .symmetricDefault: return ["SYMMETRIC_DEFAULT"]
        case .rsa2048, .rsa3072, .rsa4096: return ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
        default: return nil
        }
    }

    func signingAlgorithms(_ usage: KeysKeyUsage) -> [String]? {
        guard usage == .signVerify else { return nil }
        switch self {
        case .eccNistP256: return ["ECDSA_SHA_256"]
        case .eccNistP384: return ["ECDSA_SHA_384"]
        case .eccNistP521: return ["ECDSA_SHA_512"]
        case .rsa2048, .rsa3072, .rsa4096:
            return ["RSASSA_PKCS1_V1_5_SHA_", "RSASSA_PSS_SHA_"].flatMap { scheme in
                ["256", "384", "512"].map { scheme + $0 }
            }
        default: return nil
        }
    }

    func macAlgorithms(_ usage: KeysKeyUsage) -> [String]? {
        guard usage == .generateVerifyMac else { return nil }
        switch self {
        case .hmac224: return ["HMAC_SHA_224"]
        case .hmac256: return ["HMAC_SHA_256"]
        case .hmac384: return ["HMAC_SHA_384"]
        case .hmac512: return ["HMAC_SHA_512"]
        default: return nil
        }
    }
}
