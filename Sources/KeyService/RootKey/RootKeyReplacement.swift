import Cryptography
import Foundation
import ServiceKit

/// The file of a new root key on its way to the place of the old one.
///
/// The new key is on disk beside the old one before any material is wrapped under it, and takes its
/// name only after all is. Whatever point a cut-off change had reached, the store itself says which
/// of the two is needed.
enum RootKeyReplacement {
    static func nextPath(_ configuration: KeyServiceConfiguration) -> String {
        RootKeyOpening.path(configuration) + ".next"
    }

    /// Ends a change that was cut off, forwards or backwards.
    ///
    /// - Parameter check: the mark of the root key that the stored material is under.
    /// - Throws: `RootKeyError`.
    static func finish(_ configuration: KeyServiceConfiguration, _ check: [UInt8]) throws {
        let next = nextPath(configuration)
        guard configuration.custody.rootKey == .dataDirectory,
            FileManager.default.fileExists(atPath: next)
        else { return }
        let candidate = try? SealedFileRootKey(
            path: next, passphrase: configuration.rootKeyPassphrase, mayCreate: false)
        if let candidate, StartUp.isMark(check, of: candidate) {
            try RootKeyFile.replace(RootKeyOpening.path(configuration), with: next)
        } else if isUnderCurrent(configuration, check) {
            unlink(next)
        }
        // Neither opens: both stay for whoever has to find out why.
    }

    private static func isUnderCurrent(
        _ configuration: KeyServiceConfiguration, _ check: [UInt8]
    ) -> Bool {
        let current = try? SealedFileRootKey(
            path: RootKeyOpening.path(configuration), passphrase: configuration.rootKeyPassphrase,
            mayCreate: false)
        return current.map { StartUp.isMark(check, of: $0) } ?? false
    }
}
