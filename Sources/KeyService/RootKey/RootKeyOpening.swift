import Cryptography
import Foundation
import ServiceKit

/// Opens the root key as the Region's configuration says.
enum RootKeyOpening {
    /// - Parameter mayCreate: false when there is stored material, which a new key could not open.
    /// - Throws: `RootKeyError`, `CryptographyError`; UnsupportedOperationException for a passphrase
    ///   where FIPS 140 is switched on, since scrypt derives the key from it.
    static func open(
        _ configuration: KeyServiceConfiguration, mayCreate: Bool
    ) throws -> any RootKey {
        let custody = configuration.custody
        if configuration.rootKeyPassphrase != nil {
            try AlgorithmRules(isFIPS: custody.fips).require("scrypt")
        }
        switch custody.rootKey {
        case .dataDirectory:
            return try SealedFileRootKey(
                path: path(configuration), passphrase: configuration.rootKeyPassphrase,
                mayCreate: mayCreate)
        case .file(let path):
            return try SealedFileRootKey(
                provided: path, passphrase: configuration.rootKeyPassphrase)
        case .pkcs11(let settings):
            return try PKCS11RootKey(settings, pin: pin(settings), mayCreate: mayCreate)
        }
    }

    static func path(_ configuration: KeyServiceConfiguration) -> String {
        "\(configuration.dataDirectory)/root.key"
    }

    private static func pin(_ settings: KeyCustody.PKCS11) throws -> SecretBytes {
        guard let contents = try RootKeyFile.read(settings.pinFile, followsLinks: true) else {
            throw RootKeyError(code: .missing, message: "\(settings.pinFile) is not there")
        }
        let count = contents.withUnsafeBytes { bytes in
            bytes.lastIndex { $0 != 0x0A && $0 != 0x0D }.map { $0 + 1 } ?? 0
        }
        guard count > 0 else {
            throw RootKeyError(code: .malformed, message: "\(settings.pinFile) holds no PIN")
        }
        return try contents.withUnsafeBytes {
            try SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0[..<count]))
        }
    }
}
