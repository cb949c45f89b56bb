import Contracts
import Foundation
import GRDB

extension StoredKey {
    /// All keys with their material and grants.
    static func fetchAll(_ database: Database) throws -> [StoredKey] {
        let materials = try fetchMaterials(database)
        var grants: [String: [KeyGrant]] = [:]
        let rows = try Row.fetchCursor(database, sql: "SELECT key_id, content FROM grants")
        while let row = try rows.next() {
            grants[row["key_id"], default: []].append(
                try StoredJSON.decode(KeyGrant.self, row["content"]))
        }
        return try Row.fetchAll(database, sql: "SELECT * FROM keys").map { row in
            var key = try StoredKey(row, materials: materials[row["key_id"]] ?? [])
            key.grants = (grants[key.keyID] ?? []).sorted { $0.id < $1.id }
            return key
        }
    }

    private static func fetchMaterials(_ database: Database) throws -> [String: [Material]] {
        var materials: [String: [Material]] = [:]
        let rows = try Row.fetchCursor(
            database, sql: "SELECT * FROM materials ORDER BY key_id, ordinal")
        while let row = try rows.next() {
            let id: Data = row["material_id"]
            let wrapped: Data = row["wrapped"]
            materials[row["key_id"], default: []].append(
                Material(
                    id: [UInt8](id), wrapped: [UInt8](wrapped),
                    rotatedAtMicroseconds: row["rotated_at_us"],
                    rotationType: KeysRotationType(rawValue: row["rotation_type"]) ?? .unspecified,
                    isPending: row["pending"],
                    expirationModel: KeysExpirationModel(rawValue: row["expiration_model"])
                        ?? .unspecified,
                    validToMicroseconds: row["valid_to_us"], description: row["description"]))
        }
        return materials
    }

    private init(_ row: Row, materials: [Material]) throws {
        let replicas: String = row["replica_regions"]
        let promotion: String? = row["promotion"]
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
            materials: materials,
            rotation: Rotation(
                isEnabled: row["rotation_enabled"], periodDays: row["rotation_period_days"],
                nextAtMicroseconds: row["next_rotation_at_us"]),
            primaryEpoch: row["primary_epoch"],
            promotion: try promotion.map { try StoredJSON.decode(Promotion.self, $0) },
            tags: try StoredJSON.decode([String: String].self, row["tags"]),
            origin: KeysKeyOrigin(rawValue: row["origin"]) ?? .awsKms)
    }

    func insert(_ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO keys (key_id, created_at_us, spec, usage, multi_region, service_managed,
                    primary_region, replica_regions, description, state, deletion_at_us,
                    pending_window_days, policy, origin)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                keyID, createdAtMicroseconds, spec.rawValue, usage.rawValue,
                isMultiRegion ? 1 : 0, isServiceManaged ? 1 : 0, primaryRegion,
                replicaRegions.joined(separator: ","), description, state.rawValue,
                deletionAtMicroseconds, pendingWindowDays, policy, origin.rawValue,
            ])
        try update(database)
    }

    /// Writes what may change. Material made here is added and activated, never replaced; imported
    /// material comes and goes.
    func update(_ database: Database) throws {
        try database.execute(
            sql: """
                UPDATE keys SET primary_region = ?, replica_regions = ?, description = ?,
                    state = ?, deletion_at_us = ?, pending_window_days = ?, policy = ?,
                    rotation_enabled = ?, rotation_period_days = ?, next_rotation_at_us = ?,
                    primary_epoch = ?, promotion = ?, tags = ?
                WHERE key_id = ?
                """,
            arguments: [
                primaryRegion, replicaRegions.joined(separator: ","), description, state.rawValue,
                deletionAtMicroseconds, pendingWindowDays, policy, rotation.isEnabled ? 1 : 0,
                rotation.periodDays, rotation.nextAtMicroseconds, primaryEpoch,
                try promotion.map { try StoredJSON.encode($0) }, try StoredJSON.encode(tags), keyID,
            ])
        for (ordinal, material) in materials.enumerated() {
            try database.execute(
                sql: """
                    INSERT INTO materials (key_id, ordinal, material_id, wrapped, rotated_at_us,
                        rotation_type, pending, expiration_model, valid_to_us, description)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (key_id, ordinal) DO UPDATE SET pending = excluded.pending,
                        wrapped = CASE WHEN ? THEN excluded.wrapped ELSE wrapped END,
                        expiration_model = excluded.expiration_model,
                        valid_to_us = excluded.valid_to_us, description = excluded.description
                    WHERE pending <> excluded.pending OR ?
                    """,
                arguments: [
                    keyID, ordinal, Data(material.id), Data(material.wrapped),
                    material.rotatedAtMicroseconds, material.rotationType.rawValue,
                    material.isPending ? 1 : 0, material.expirationModel.rawValue,
                    material.validToMicroseconds, material.description, isImported ? 1 : 0,
                    isImported ? 1 : 0,
                ])
        }
    }
}

/// Small values in columns of text.
enum StoredJSON {
    static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}
