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
        guard let parts else { return "UNKNOWN" }
        let hash = "SHA_\(parts.hash.byteCount * 8)"
        return switch parts.scheme {
        case .ecdsa: "ECDSA_\(hash)"
        case .pss: "RSASSA_PSS_\(hash)"
        case .pkcs1: "RSASSA_PKCS1_V1_5_\(hash)"
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
