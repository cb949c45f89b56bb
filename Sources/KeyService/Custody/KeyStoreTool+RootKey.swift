package import Cryptography
import Foundation
import GRDB
package import ServiceKit

extension KeyStoreTool {
    /// Wraps all material anew under another root key, in one transaction. The service must not
    /// run.
    ///
    /// - Parameters:
    ///   - custody: where the new root key is or is made; `dataDirectory` for a new `root.key`.
    ///   - passphrase: seals or opens the new root key.
    /// - Returns: how many versions of material were wrapped anew.
    /// - Throws: `KeyStoreError`, `RootKeyError`; nothing has changed then.
    package func rotateRootKey(
        to custody: KeyCustody, passphrase: SecretBytes?
    ) throws -> Int {
        let store = try KeyStore(directory: configuration.dataDirectory)
        try StartUp.checkPlace(configuration, store)
        guard let check = try store.property(StartUp.checkProperty) else {
            throw KeyStoreError(message: "there are no keys in \(configuration.dataDirectory)")
        }
        try RootKeyReplacement.finish(configuration, check)
        let current = try RootKeyOpening.open(configuration, mayCreate: false)
        guard StartUp.isMark(check, of: current) else {
            throw RootKeyError(
                code: .mismatch,
                message: "the keys in \(configuration.dataDirectory) are under another root key")
        }
        guard custody.rootKey == .dataDirectory else {
            let target = configuration.with(custody, passphrase)
            return try store.rewrap(
                from: current, to: RootKeyOpening.open(target, mayCreate: true))
        }
        let next = RootKeyReplacement.nextPath(configuration)
        try SealedFileRootKey.make(path: next, passphrase: passphrase)
        let count: Int
        do {
            count = try store.rewrap(
                from: current,
                to: SealedFileRootKey(path: next, passphrase: passphrase, mayCreate: false))
        } catch {
            unlink(next)
            throw error
        }
        try RootKeyFile.replace(RootKeyOpening.path(configuration), with: next)
        return count
    }

    /// Makes a file with a new root key, for a secret store to keep.
    ///
    /// - Throws: `RootKeyError`, also when there is a file already.
    package static func makeRootKey(_ path: String, passphrase: SecretBytes?) throws {
        try SealedFileRootKey.make(path: path, passphrase: passphrase)
    }
}

extension KeyServiceConfiguration {
    /// The same with another root key.
    func with(_ custody: KeyCustody, _ passphrase: SecretBytes?) -> KeyServiceConfiguration {
        KeyServiceConfiguration(
            region: region, accountID: accountID, organizationID: organizationID,
            dataDirectory: dataDirectory, operatorRoles: operatorRoles,
            rootKeyPassphrase: passphrase, custody: custody)
    }
}

extension KeyStore {
    /// Wraps all material under another root key, all of it or none.
    func rewrap(from current: any RootKey, to next: any RootKey) throws -> Int {
        let keys = try contents().keys
        let mark = try StartUp.mark(next)
        var count = 0
        try writing { database in
            for key in keys {
                for (ordinal, material) in key.materials.enumerated() where material.isPresent {
                    let context = StoredKey.wrappingContext(
                        keyID: key.keyID, materialID: material.id)
                    let secret = try current.unwrap(material.wrapped, context: context)
                    try database.execute(
                        sql: "UPDATE materials SET wrapped = ? WHERE key_id = ? AND ordinal = ?",
                        arguments: [
                            Data(try next.wrap(secret, context: context)), key.keyID, ordinal,
                        ])
                    count += 1
                }
            }
            try database.execute(
                sql: "UPDATE properties SET value = ? WHERE name = ?",
                arguments: [Data(mark), StartUp.checkProperty])
        }
        // What was under the old root key is not to stay in the journal.
        try database.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        return count
    }
}
