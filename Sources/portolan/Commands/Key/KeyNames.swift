import ArgumentParser
import Contracts

/// Key specs by the names of KMS.
enum KeySpecName: String, ExpressibleByArgument, CaseIterable {
    case symmetric = "SYMMETRIC_DEFAULT"
    case rsa2048 = "RSA_2048"
    case rsa3072 = "RSA_3072"
    case rsa4096 = "RSA_4096"
    case p256 = "ECC_NIST_P256"
    case p384 = "ECC_NIST_P384"
    case p521 = "ECC_NIST_P521"
    case hmac224 = "HMAC_224"
    case hmac256 = "HMAC_256"
    case hmac384 = "HMAC_384"
    case hmac512 = "HMAC_512"

    var value: KeysKeySpec {
        switch self {
        case .symmetric: .symmetricDefault
        case .rsa2048: .rsa2048
        case .rsa3072: .rsa3072
        case .rsa4096: .rsa4096
        case .p256: .eccNistP256
        case .p384: .eccNistP384
        case .p521: .eccNistP521
        case .hmac224: .hmac224
        case .hmac256: .hmac256
        case .hmac384: .hmac384
        case .hmac512: .hmac512
        }
    }

    /// What keys of the spec are for unless something else is asked for.
    var usage: KeysKeyUsage {
        switch self {
        case .symmetric, .rsa2048, .rsa3072, .rsa4096: .encryptDecrypt
        case .p256, .p384, .p521: .signVerify
        case .hmac224, .hmac256, .hmac384, .hmac512: .generateVerifyMac
        }
    }
}

/// Key usages by the names of KMS.
enum KeyUsageName: String, ExpressibleByArgument, CaseIterable {
    case encryptDecrypt = "ENCRYPT_DECRYPT"
    case signVerify = "SIGN_VERIFY"
    case mac = "GENERATE_VERIFY_MAC"

    var value: KeysKeyUsage {
        switch self {
        case .encryptDecrypt: .encryptDecrypt
        case .signVerify: .signVerify
        case .mac: .generateVerifyMac
        }
    }
}

/// Where a key's material comes from.
enum KeyOriginName: String, ExpressibleByArgument, CaseIterable {
    case portolan, external
}
