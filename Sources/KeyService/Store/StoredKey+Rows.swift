import Contracts
import Foundation
import GRDB

extension StoredKey {
    /// All keys with their material.
    static func fetchAll(_ database: Database) throws -> [StoredKey] {
        var materials: [String: [Material]] = [:]
        let rows = try Row.fetchCursor(
            database,
            sql: "SELECT key_id, material_id, wrapped FROM materials ORDER BY key_id, ordinal")
        while let row = try rows.next() {
            let id: Data = row["material_id"]
            let wrapped: Data = row["wrapped"]
            materials[row["key_id"], default: []].append(
                Material(id: [UInt8](id), wrapped: [UInt8](wrapped)))
        }
        return try Row.fetchAll(database, sql: "SELECT * FROM keys").map { row in
            StoredKey(row, materials: materials[row["key_id"]] ?? [])
        }
    }

    private init(_ row: Row, materials: [Material]) {
        let replicas: String = row["replica_regions"]
        self.init(
            keyID: row["key_id"], createdAtMicroseconds: row["created_at_us"],
            spec: KeysKeySpec(rawValue: row["spec"]) ?? .unspecified,
            usage: KeysKeyUsage(rawValue: row["usage"]) ?? .unspecified,
            isMultiRegion: row["multi_region"], isServiceManaged: row["service_managed"],
            primaryRegion: row["primary_region"],
            replicaRegions: replicas.split(separator: ",").map(String.init),
            description: row["description"],
            state: KeysKeyState(rawValue: row["state"]) ?? .unavailable,
            deletionAtMicroseconds: row["deletion_at_us"],
            pendingWindowDays: row["pending_window_days"], policy: row["policy"],
            materials: materials)
    }

    func insert(_ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                keyID, createdAtMicroseconds, spec.rawValue, usage.rawValue,
                isMultiRegion ? 1 : 0, isServiceManaged ? 1 : 0, primaryRegion,
                replicaRegions.joined(separator: ","), description, state.rawValue,
                deletionAtMicroseconds, pendingWindowDays, policy,
            ])
        for (ordinal, material) in materials.enumerated() {
            try database.execute(
                sql: "INSERT INTO materials VALUES (?, ?, ?, ?)",
                arguments: [keyID, ordinal, Data(material.id), Data(material.wrapped)])
        }
    }

    func update(_ database: Database) throws {
        try database.execute(
            sql: """
                UPDATE keys SET primary_region = ?, replica_regions = ?, description = ?,
                    state = ?, deletion_at_us = ?, pending_window_days = ?, policy = ?
                WHERE key_id = ?
                """,
            arguments: [
                primaryRegion, replicaRegions.joined(separator: ","), description, state.rawValue,
                deletionAtMicroseconds, pendingWindowDays, policy, keyID,
            ])
    }
}
