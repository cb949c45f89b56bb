import Contracts
import Cryptography

/// What the key specs are made of.
extension KeysKeySpec {
    /// The kind of an asymmetric key; nil for others.
    var asymmetricKind: AsymmetricKey.Kind? {
        switch self {
        case .eccNistP256: .p256
        case .eccNistP384: .p384
        case .eccNistP521: .p521
        case .rsa2048: .rsa(bits: 2048)
        case .rsa3072: .rsa(bits: 3072)
        case .rsa4096: .rsa(bits: 4096)
        default: nil
        }
    }

    /// The hash function of an HMAC key; nil for others. The key is as long as its code.
    var macHash: HashAlgorithm? {
        switch self {
        case .hmac224: .sha224
        case .hmac256: .sha256
        case .hmac384: .sha384
        case .hmac512: .sha512
        default: nil
        }
    }

    /// Whether keys of this spec may be for a usage.
    func allows(_ usage: KeysKeyUsage) -> Bool {
        if macHash != nil { return usage == .generateVerifyMac }
        switch asymmetricKind {
        case nil: return self == .symmetricDefault && usage == .encryptDecrypt
        case .rsa: return usage == .encryptDecrypt || usage == .signVerify
        case .p256, .p384, .p521: return usage == .signVerify
        }
    }

    /// As KMS writes it.
    var kmsName: String {
        switch self {
        case .symmetricDefault: "SYMMETRIC_DEFAULT"
        case .eccNistP256: "ECC_NIST_P256"
        case .eccNistP384: "ECC_NIST_P384"
        case .eccNistP521: "ECC_NIST_P521"
        case .rsa2048: "RSA_2048"
        case .rsa3072: "RSA_3072"
        case .rsa4096: "RSA_4096"
        case .hmac224: "HMAC_224"
        case .hmac256: "HMAC_256"
        case .hmac384: "HMAC_384"
        case .hmac512: "HMAC_512"
        default: "UNKNOWN"
        }
    }
}

extension KeysKeyUsage {
    /// As KMS writes it.
    var kmsName: String {
        switch self {
        case .encryptDecrypt: "ENCRYPT_DECRYPT"
        case .signVerify: "SIGN_VERIFY"
        case .generateVerifyMac: "GENERATE_VERIFY_MAC"
        default: "UNKNOWN"
        }
    }
}

extension KeysSigningAlgorithm {
    /// Scheme and hash function; nil when unspecified.
    var parts: (scheme: AsymmetricKey.Scheme, hash: HashAlgorithm)? {
        switch self {
        case .ecdsaSha256: (.ecdsa, .sha256)
        case .ecdsaSha384: (.ecdsa, .sha384)
        case .ecdsaSha512: (.ecdsa, .sha512)
        case .rsassaPssSha256: (.pss, .sha256)
        case .rsassaPssSha384: (.pss, .sha384)
        case .rsassaPssSha512: (.pss, .sha512)
        case .rsassaPkcs1V15Sha256: (.pkcs1, .sha256)
        case .rsassaPkcs1V15Sha384: (.pkcs1, .sha384)
        case .rsassaPkcs1V15Sha512: (.pkcs1, .sha512)
        default: nil
        }
    }

    /// As KMS writes it.
    var kmsName: String {
        switch self {
        case .ecdsaSha256: "ECDSA_SHA_256"
        case .ecdsaSha384: "ECDSA_SHA_384"
        case .ecdsaSha512: "ECDSA_SHA_512"
        case .rsassaPssSha256: "RSASSA_PSS_SHA_256"
        case .rsassaPssSha384: "RSASSA_PSS_SHA_384"
        case .rsassaPssSha512: "RSASSA_PSS_SHA_512"
        case .rsassaPkcs1V15Sha256: "RSASSA_PKCS1_V1_5_SHA_256"
        case .rsassaPkcs1V15Sha384: "RSASSA_PKCS1_V1_5_SHA_384"
        case .rsassaPkcs1V15Sha512: "RSASSA_PKCS1_V1_5_SHA_512"
        default: "UNKNOWN"
        }
    }

    /// Whether keys of a spec sign with it.
    func fits(_ spec: KeysKeySpec) -> Bool {
        switch spec.asymmetricKind {
        case .p256: self == .ecdsaSha256
        case .p384: self == .ecdsaSha384
        case .p521: self == .ecdsaSha512
        case .rsa: parts.map { $0.scheme != .ecdsa } ?? false
        case nil: false
        }
    }
}

extension KeysEncryptionAlgorithm {
    /// The hash function of RSAES-OAEP; nil for symmetric keys.
    var oaepHash: HashAlgorithm? {
        switch self {
        case .rsaesOaepSha1: .sha1
        case .rsaesOaepSha256: .sha256
        default: nil
        }
    }

    /// As KMS writes it.
    var kmsName: String {
        switch self {
        case .rsaesOaepSha1: "RSAES_OAEP_SHA_1"
        case .rsaesOaepSha256: "RSAES_OAEP_SHA_256"
        default: "SYMMETRIC_DEFAULT"
        }
    }
}

extension KeysKeyOrigin {
    /// As KMS writes it.
    var kmsName: String { self == .external ? "EXTERNAL" : "AWS_KMS" }
}

extension KeysWrappingAlgorithm {
    /// The hash function of RSAES-OAEP, and whether an AES key lies in between; nil when
    /// unspecified.
    var parts: (hash: HashAlgorithm, usesAESKey: Bool)? {
        switch self {
        case .rsaesOaepSha1: (.sha1, false)
        case .rsaesOaepSha256: (.sha256, false)
        case .rsaAesKeyWrapSha1: (.sha1, true)
        case .rsaAesKeyWrapSha256: (.sha256, true)
        default: nil
        }
    }

    /// As KMS writes it.
    var kmsName: String {
        switch self {
        case .rsaesOaepSha1: "RSAES_OAEP_SHA_1"
        case .rsaesOaepSha256: "RSAES_OAEP_SHA_256"
        case .rsaAesKeyWrapSha1: "RSA_AES_KEY_WRAP_SHA_1"
        case .rsaAesKeyWrapSha256: "RSA_AES_KEY_WRAP_SHA_256"
        default: "UNKNOWN"
        }
    }
}

extension KeysExpirationModel {
    /// As KMS writes it.
    var kmsName: String {
        self == .keyMaterialDoesNotExpire
            ? "KEY_MATERIAL_DOES_NOT_EXPIRE" : "KEY_MATERIAL_EXPIRES"
    }
}

extension KeysMacAlgorithm {
    var hash: HashAlgorithm? {
        switch self {
        case .hmacSha224: .sha224
        case .hmacSha256: .sha256
        case .hmacSha384: .sha384
        case .hmacSha512: .sha512
        default: nil
        }
    }
}
