package import Cryptography

/// The key under which a Region's key material is kept at rest.
///
/// The only thing in a Region that unwraps stored material. A file by default; a token over PKCS
/// #11 or a cloud's KMS fit behind the same two calls.
package protocol RootKey: Sendable {
    /// Wraps `secret`, bound to `context`.
    func wrap(_ secret: SecretBytes, context: [UInt8]) throws -> [UInt8]

    /// Unwraps into the secure heap.
    ///
    /// - Throws: `CryptographyError` when key, bytes or context are not those of the wrapping.
    func unwrap(_ wrapped: [UInt8], context: [UInt8]) throws -> SecretBytes
}

/// Why the root key cannot be used. Start-up ends with it.
package struct RootKeyError: Error, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// There is stored material, but no root key.
        case missing
        /// Others than the owner may read the file.
        case exposed
        case unreadable
        /// Not a file of this kind, or cut off.
        case malformed
        /// The file is sealed and there is no passphrase.
        case passphraseMissing
        /// The passphrase does not open the file.
        case passphraseWrong
        /// The file is fine, but the stored material is under another root key.
        case mismatch
    }

    package let code: Code
    package let message: String

    package var description: String { "root key \(code.rawValue): \(message)" }
}
