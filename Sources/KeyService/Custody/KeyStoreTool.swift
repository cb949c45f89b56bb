import Cryptography
import Foundation
import GRDB
import RPC
import ServiceKit

/// What an operator does to a Region's key store as a whole, on the machine that holds it.
package struct KeyStoreTool {
    let configuration: KeyServiceConfiguration

    package init(_ configuration: KeyServiceConfiguration) { self.configuration = configuration }

    /// What is in a store.
    package struct Summary: Sendable, Equatable {
        package let region: String
        package let accountID: String
        package let keyCount: Int
        package let materialCount: Int
    }

    /// Copies the store into one file while the service goes on. The file holds material only as it
    /// is wrapped: without the root key it opens nothing.
    ///
    /// - Throws: `KeyStoreError`, also when there is a file already.
    package func backUp(to path: String) throws {
        try Self.create(path)
        do {
            var readOnly = Configuration()
            readOnly.readonly = true
            readOnly.busyMode = .timeout(5)
            let queue = try DatabaseQueue(path: database, configuration: readOnly)
            try queue.inDatabase {
                try $0.execute(sql: "VACUUM INTO ?", arguments: [path])
            }
        } catch {
            unlink(path)
            throw KeyStoreError(
                message: "cannot copy \(database): \(RPCError.storage(error).message)")
        }
    }

    /// Puts a copy in the place of a store that is gone. The root key has to be there already.
    ///
    /// - Throws: `KeyStoreError` for a copy that is damaged, of another Region or account, or where
    ///   there is a store; `RootKeyError` when the root key does not open it.
    package func restore(from path: String) throws -> Summary {
        let lock = try DirectoryLock(directory: configuration.dataDirectory)
        defer { withExtendedLifetime(lock) {} }
        guard !FileManager.default.fileExists(atPath: database) else {
            throw KeyStoreError(
                message: "there are keys in \(configuration.dataDirectory) already")
        }
        let copy = database + ".restored"
        unlink(copy)
        do {
            try Self.create(copy)
            guard let data = FileManager.default.contents(atPath: path) else {
                throw KeyStoreError(message: "cannot read \(path)")
            }
            try data.write(to: URL(fileURLWithPath: copy))
            let summary = try check(copy)
            guard rename(copy, database) == 0 else {
                throw KeyStoreError(message: "cannot write \(database)")
            }
            return summary
        } catch {
            unlink(copy)
            throw error
        }
    }

    /// Opens every version of every key's material once.
    ///
    /// - Throws: `KeyStoreError`, `RootKeyError`.
    package func check() throws -> Summary {
        let lock = try DirectoryLock(directory: configuration.dataDirectory)
        defer { withExtendedLifetime(lock) {} }
        return try check(database)
    }

    private func check(_ path: String) throws -> Summary {
        let queue: DatabaseQueue
        do {
            queue = try DatabaseQueue(path: path)
            let verdict = try queue.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") }
            guard verdict == "ok" else { throw KeyStoreError(message: "\(path) is damaged") }
            try KeyStoreSchema.migrator.migrate(queue)
        } catch let error as KeyStoreError {
            throw error
        } catch {
            throw KeyStoreError(
                message: "cannot open \(path): \(RPCError.storage(error).message)")
        }
        defer { try? queue.close() }
        let place = try property("place", queue)
        guard place == "\(configuration.region)/\(configuration.accountID)" else {
            throw KeyStoreError(
                message: "\(path) holds keys of \(place.isEmpty ? "nobody" : place), not of this "
                    + "Region and account")
        }
        let rootKey = try RootKeyOpening.open(configuration, mayCreate: false)
        let keys = try queue.read(StoredKey.fetchAll)
        return try queue.read { database in
            let check = try Data.fetchOne(
                database, sql: "SELECT value FROM properties WHERE name = ?",
                arguments: [StartUp.checkProperty])
            guard let check, StartUp.isMark([UInt8](check), of: rootKey) else {
                throw RootKeyError(
                    code: .mismatch, message: "the keys in \(path) are under another root key")
            }
            for key in keys { try key.verify(under: rootKey) }
            return Summary(
                region: configuration.region, accountID: configuration.accountID,
                keyCount: keys.count,
                materialCount: keys.reduce(0) { $0 + $1.materials.count { $0.isPresent } })
        }
    }

    private func property(_ name: String, _ queue: DatabaseQueue) throws -> String {
        try queue.read { database in
            try Data.fetchOne(
                database, sql: "SELECT value FROM properties WHERE name = ?", arguments: [name]
            ).map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
    }

    private var database: String { "\(configuration.dataDirectory)/keys.sqlite" }

    /// An empty file that only its owner can read.
    private static func create(_ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw KeyStoreError(
                message: "cannot make \(path): \(String(cString: strerror(errno)))")
        }
        close(descriptor)
    }
}

extension StoredKey {
    /// - Throws: `KeyStoreError` when a version of the material does not open.
    func verify(under rootKey: any RootKey) throws {
        for material in materials where material.isPresent {
            let context = Self.wrappingContext(keyID: keyID, materialID: material.id)
            guard let secret = try? rootKey.unwrap(material.wrapped, context: context),
                (try? KeyMaterial.id(secret, keyID: keyID)) == material.id
            else { throw KeyStoreError(message: "material of the key \(keyID) does not open") }
        }
    }
}
