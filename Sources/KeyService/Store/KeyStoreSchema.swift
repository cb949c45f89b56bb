import GRDB

/// The tables of a keys service. Migrations are only ever added.
enum KeyStoreSchema {
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
        return migrator
    }
}
