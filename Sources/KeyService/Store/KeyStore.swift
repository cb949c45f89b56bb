import Contracts
import Foundation
import GRDB
import RPC

/// The keys of a Region on disk: SQLite with a write-ahead log, synchronised on every commit.
///
/// Each change is one transaction, so a process that is killed leaves either all of it or nothing.
/// Errors are `RPCError` as `RPCError.storage(_:)` makes them.
final class KeyStore: Sendable {
    /// Everything that is read once, at start-up.
    struct Contents {
        var keys: [StoredKey]
        var aliases: [String: KeyAlias]
        /// Replicas that were deleted here, and the Region of the primary that must learn of it.
        var departures: [Departure]
    }

    /// A replica that was deleted here.
    struct Departure: Sendable, Equatable {
        let keyID: String
        let primaryRegion: String
    }

    private let lock: DirectoryLock
    let database: DatabasePool

    /// - Throws: `KeyStoreError` when the directory or database cannot be used.
    init(directory: String) throws {
        lock = try DirectoryLock(directory: directory)
        let path = "\(directory)/keys.sqlite"
        // Made here, so that neither the file nor its journal is readable by others.
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw KeyStoreError(
                message: "cannot write \(path): \(String(cString: strerror(errno)))")
        }
        close(descriptor)
        var configuration = Configuration()
        configuration.label = "keys"
        configuration.maximumReaderCount = 2
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
            try database.execute(sql: "PRAGMA secure_delete = ON")
        }
        do {
            database = try DatabasePool(path: path, configuration: configuration)
            try KeyStoreSchema.migrator.migrate(database)
        } catch {
            throw KeyStoreError(message: "cannot open \(path): \(RPCError.storage(error).message)")
        }
    }

    /// Reads all keys and aliases.
    func contents() throws -> Contents {
        try reading { database in
            Contents(
                keys: try StoredKey.fetchAll(database),
                aliases: Dictionary(
                    uniqueKeysWithValues: try Row.fetchAll(
                        database, sql: "SELECT * FROM aliases"
                    ).map { row in
                        (
                            row["name"],
                            KeyAlias(
                                keyID: row["key_id"], createdAtMicroseconds: row["created_at_us"],
                                updatedAtMicroseconds: row["updated_at_us"])
                        )
                    }),
                departures: try Row.fetchAll(
                    database, sql: "SELECT key_id, primary_region FROM departures"
                ).map { Departure(keyID: $0["key_id"], primaryRegion: $0["primary_region"]) })
        }
    }

    func insert(_ key: StoredKey) throws {
        try writing { try key.insert($0) }
    }

    /// Writes what may change, grants apart. Material is added and activated, never replaced.
    func update(_ key: StoredKey) throws {
        try writing { try key.update($0) }
    }

    /// Removes a key with material and aliases; notes that its primary has to learn of it.
    func delete(_ keyID: String, departure: Departure?) throws {
        try writing { database in
            try database.execute(sql: "DELETE FROM keys WHERE key_id = ?", arguments: [keyID])
            if let departure {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO departures (key_id, primary_region) VALUES (?, ?)",
                    arguments: [departure.keyID, departure.primaryRegion])
            }
        }
    }

    func forget(_ departure: Departure) throws {
        try writing {
            try $0.execute(
                sql: "DELETE FROM departures WHERE key_id = ?", arguments: [departure.keyID])
        }
    }

    /// Makes an alias, or lets one that is there name another key.
    func putAlias(_ name: String, _ alias: KeyAlias) throws {
        try writing {
            try $0.execute(
                sql: """
                    INSERT INTO aliases (name, key_id, created_at_us, updated_at_us)
                    VALUES (?, ?, ?, ?)
                    ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id,
                        updated_at_us = excluded.updated_at_us
                    """,
                arguments: [
                    name, alias.keyID, alias.createdAtMicroseconds, alias.updatedAtMicroseconds,
                ])
        }
    }

    func insertGrant(_ grant: KeyGrant, keyID: String) throws {
        try writing {
            try $0.execute(
                sql: "INSERT INTO grants (grant_id, key_id, content) VALUES (?, ?, ?)",
                arguments: [grant.id, keyID, try StoredJSON.encode(grant)])
        }
    }

    func deleteGrant(_ grantID: String) throws {
        try writing {
            try $0.execute(sql: "DELETE FROM grants WHERE grant_id = ?", arguments: [grantID])
        }
    }

    func deleteAlias(_ name: String) throws {
        try writing { try $0.execute(sql: "DELETE FROM aliases WHERE name = ?", arguments: [name]) }
    }

    /// A value that is neither key nor usage, such as the check of the root key.
    func property(_ name: String) throws -> [UInt8]? {
        try reading { database in
            try Data.fetchOne(
                database, sql: "SELECT value FROM properties WHERE name = ?", arguments: [name]
            ).map { [UInt8]($0) }
        }
    }

    func setProperty(_ name: String, _ value: [UInt8]) throws {
        try writing {
            try $0.execute(
                sql: "INSERT OR REPLACE INTO properties (name, value) VALUES (?, ?)",
                arguments: [name, Data(value)])
        }
    }

    func reading<Value>(_ body: (Database) throws -> Value) throws -> Value {
        do {
            return try database.read(body)
        } catch {
            throw RPCError.storage(error)
        }
    }

    func writing(_ body: (Database) throws -> Void) throws {
        do {
            try database.write(body)
        } catch {
            throw RPCError.storage(error)
        }
    }
}
