package import Cryptography

/// A root key in a file that only its owner can read, with a passphrase on top if there is one.
///
/// Layout: "PRK1", one byte of kind, then for kind 0 the 32 bytes of the key; for kind 1 the scrypt
/// cost (log2 N, r, p, one byte each), 16 bytes of salt and the key sealed by AES-256-GCM with the
/// derived key, the bytes before it being associated data.
package struct SealedFileRootKey: RootKey {
    private static let magic = Array("PRK1".utf8)
    private static let saltByteCount = 16

    private let key: AEADKey

    /// Opens the root key at `path`, or makes it.
    ///
    /// - Parameters:
    ///   - passphrase: required for a file that was made with one; seals a new file.
    ///   - mayCreate: false when there is stored material, which a new key could not open.
    /// - Throws: `RootKeyError`, `CryptographyError`.
    package init(path: String, passphrase: SecretBytes?, mayCreate: Bool) throws {
        let secret: SecretBytes
        if let stored = try RootKeyFile.read(path) {
            secret = try Self.open(stored, passphrase)
        } else {
            guard mayCreate else {
                throw RootKeyError(
                    code: .missing,
                    message: "\(path) is not there, but stored keys need it; restore it from backup"
                )
            }
            secret = try Random.secret(AEADKey.keyByteCount)
            try RootKeyFile.create(path, contents: Self.seal(secret, passphrase))
        }
        key = try AEADKey(secret)
    }

    /// Opens a root key that something else provides: a file as this program makes it, or 32 bytes
    /// and nothing else.
    ///
    /// - Throws: `RootKeyError`, `CryptographyError`.
    package init(provided path: String, passphrase: SecretBytes?) throws {
        guard let stored = try RootKeyFile.read(path, followsLinks: true) else {
            throw RootKeyError(code: .missing, message: "\(path) is not there")
        }
        let isBare = stored.count == AEADKey.keyByteCount
        key = try AEADKey(isBare ? stored : Self.open(stored, passphrase))
    }

    /// Makes the file of a new root key.
    ///
    /// - Throws: `RootKeyError`, also when there is a file already.
    package static func make(path: String, passphrase: SecretBytes?) throws {
        let secret = try Random.secret(AEADKey.keyByteCount)
        try RootKeyFile.create(path, contents: seal(secret, passphrase))
    }

    package func wrap(_ secret: SecretBytes, context: [UInt8]) throws -> [UInt8] {
        try KeyWrap.wrap(secret, under: key, context: context)
    }

    package func unwrap(_ wrapped: [UInt8], context: [UInt8]) throws -> SecretBytes {
        try KeyWrap.unwrap(wrapped, under: key, context: context)
    }

    private static func seal(
        _ secret: SecretBytes, _ passphrase: SecretBytes?
    ) throws -> SecretBytes {
        guard let passphrase else {
            return try SecretBytes(count: magic.count + 1 + secret.count) { output in
                output.copyBytes(from: magic + [0])
                secret.withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(rebasing: output[(magic.count + 1)...])
                        .copyMemory(from: $0)
                }
            }
        }
        let cost = Scrypt.Cost()
        let header =
            magic + [1, UInt8(cost.n.trailingZeroBitCount), UInt8(cost.r), UInt8(cost.p)]
            + (try Random.bytes(saltByteCount))
        let sealing = try sealingKey(header, passphrase)
        let sealed = try KeyWrap.wrap(secret, under: sealing, context: header)
        return try SecretBytes(copying: header + sealed)
    }

    private static func open(
        _ stored: SecretBytes, _ passphrase: SecretBytes?
    ) throws -> SecretBytes {
        let kind = stored.withUnsafeBytes { bytes -> UInt8? in
            guard bytes.count > magic.count, bytes.starts(with: magic) else { return nil }
            return bytes[magic.count]
        }
        let headerCount = magic.count + 4 + saltByteCount
        switch kind {
        case 0 where stored.count == magic.count + 1 + AEADKey.keyByteCount:
            return try stored.withUnsafeBytes {
                try SecretBytes(copying: UnsafeRawBufferPointer(rebasing: $0[(magic.count + 1)...]))
            }
        case 1 where stored.count == headerCount + AEADKey.keyByteCount + AEADKey.overheadByteCount:
            guard let passphrase else {
                throw RootKeyError(
                    code: .passphraseMissing, message: "the file is sealed with a passphrase")
            }
            let bytes = stored.withUnsafeBytes { Array($0) }
            let header = Array(bytes[..<headerCount])
            do {
                return try KeyWrap.unwrap(
                    Array(bytes[headerCount...]), under: sealingKey(header, passphrase),
                    context: header)
            } catch let error as CryptographyError where error.code == .authenticationFailed {
                throw RootKeyError(
                    code: .passphraseWrong, message: "the passphrase does not open the file")
            }
        default:
            throw RootKeyError(code: .malformed, message: "the file is not a root key, or cut off")
        }
    }

    private static func sealingKey(
        _ header: [UInt8], _ passphrase: SecretBytes
    ) throws -> AEADKey {
        let start = magic.count + 1
        guard header[start] < 32 else {
            throw RootKeyError(
                code: .malformed, message: "the file asks for too costly a derivation")
        }
        let cost = Scrypt.Cost(
            n: 1 << UInt64(header[start]), r: UInt64(header[start + 1]),
            p: UInt64(header[start + 2]))
        return try AEADKey(
            Scrypt.derive(
                passphrase: passphrase, salt: Array(header[(start + 3)...]), cost: cost,
                count: AEADKey.keyByteCount))
    }
}
