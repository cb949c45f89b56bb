import GRDB

/// The tables of a keys service. Migrations are only ever added.
enum KeyStoreSchema {
    private static func registerMigration3(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("3") { database in
            try database.execute(
                sql: """
                    ALTER TABLE keys ADD COLUMN origin INTEGER NOT NULL DEFAULT 1;
                    ALTER TABLE materials ADD COLUMN expiration_model INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE materials ADD COLUMN valid_to_us INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE materials ADD COLUMN description TEXT NOT NULL DEFAULT '';
                    ALTER TABLE aliases ADD COLUMN updated_at_us INTEGER NOT NULL DEFAULT 0;
                    UPDATE aliases SET updated_at_us = created_at_us;
                    """)
        }
    }

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE properties (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
                    CREATE TABLE keys (
                        key_id TEXT PRIMARY KEY,
                        created_at_us INTEGER NOT NULL,
                        spec INTEGER NOT NULL,
                        usage INTEGER NOT NULL,
                        multi_region INTEGER NOT NULL,
                        service_managed INTEGER NOT NULL,
                        primary_region TEXT NOT NULL,
                        replica_regions TEXT NOT NULL,
                        description TEXT NOT NULL,
                        state INTEGER NOT NULL,
                        deletion_at_us INTEGER NOT NULL,
                        pending_window_days INTEGER NOT NULL,
                        policy TEXT NOT NULL
                    ) STRICT;
                    CREATE TABLE materials (
                        key_id TEXT NOT NULL REFERENCES keys (key_id) ON DELETE CASCADE,
                        ordinal INTEGER NOT NULL,
                        material_id BLOB NOT NULL,
                        wrapped BLOB NOT NULL,
                        PRIMARY KEY (key_id, ordinal)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE aliases (
                        name TEXT PRIMARY KEY,
                        key_id TEXT NOT NULL REFERENCES keys (key_id) ON DELETE CASCADE,
                        created_at_us INTEGER NOT NULL
                    ) STRICT;
                    CREATE INDEX aliases_by_key ON aliases (key_id);
                    CREATE TABLE departures (
                        key_id TEXT PRIMARY KEY, primary_region TEXT NOT NULL
                    ) STRICT;
                    CREATE TABLE usage (
                        key_id TEXT NOT NULL,
                        principal TEXT NOT NULL,
                        operation TEXT NOT NULL,
                        month TEXT NOT NULL,
                        requests INTEGER NOT NULL,
                        refused INTEGER NOT NULL,
                        PRIMARY KEY (key_id, month, principal, operation)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("2") { database in
            try database.execute(
                sql: """
                    ALTER TABLE keys ADD COLUMN rotation_enabled INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE keys ADD COLUMN rotation_period_days INTEGER NOT NULL DEFAULT 365;
                    ALTER TABLE keys ADD COLUMN next_rotation_at_us INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE keys ADD COLUMN primary_epoch INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE keys ADD COLUMN promotion TEXT;
                    ALTER TABLE keys ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
                    ALTER TABLE materials ADD COLUMN rotated_at_us INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE materials ADD COLUMN rotation_type INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE materials ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;
                    CREATE TABLE grants (
                        grant_id TEXT PRIMARY KEY,
                        key_id TEXT NOT NULL REFERENCES keys (key_id) ON DELETE CASCADE,
                        content TEXT NOT NULL
                    ) STRICT;
                    CREATE INDEX grants_by_key ON grants (key_id);
                    """)
        }
        registerMigration3(in: &migrator)
        return migrator
    }
}
