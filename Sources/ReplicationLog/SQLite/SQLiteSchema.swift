import GRDB

/// The tables of one Region's log.
///
/// `entries.id` and everything that refers to it is stream << 47 | sequence, so that a stream's
/// entries lie together and are appended at their end.
enum SQLiteSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(sql: logTables)
            try db.execute(sql: trailTables)
        }
        return migrator
    }

    private static let logTables = """
        CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE streams (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, head INTEGER NOT NULL,
            head_epoch INTEGER NOT NULL, compacted_through INTEGER NOT NULL,
            purged_through INTEGER NOT NULL, entries INTEGER NOT NULL);
        CREATE TABLE domains (
            id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, name TEXT NOT NULL,
            last_sequence INTEGER NOT NULL, live_keys INTEGER NOT NULL, digest BLOB NOT NULL,
            UNIQUE (stream, name));
        CREATE TABLE entries (
            id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, last INTEGER NOT NULL,
            domain INTEGER NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL,
            tombstone INTEGER NOT NULL, value BLOB NOT NULL, checksum INTEGER NOT NULL,
            written_at INTEGER NOT NULL, request TEXT);
        CREATE TABLE newest (
            domain INTEGER NOT NULL, key TEXT NOT NULL, id INTEGER NOT NULL,
            PRIMARY KEY (domain, key)) WITHOUT ROWID;
        CREATE TABLE superseded (by_id INTEGER PRIMARY KEY, id INTEGER NOT NULL);
        CREATE TABLE tombstones (id INTEGER PRIMARY KEY, written_at INTEGER NOT NULL);
        CREATE TABLE acknowledgements (
            region TEXT NOT NULL, stream TEXT NOT NULL, sequence INTEGER NOT NULL,
            seen_at INTEGER NOT NULL, PRIMARY KEY (region, stream)) WITHOUT ROWID;
        """

    private static let trailTables = """
        CREATE TABLE trail (
            sequence INTEGER PRIMARY KEY, event_id TEXT NOT NULL, event_time INTEGER NOT NULL,
            name TEXT NOT NULL, source TEXT NOT NULL, user_name TEXT NOT NULL,
            read_only INTEGER NOT NULL, resources TEXT NOT NULL, event BLOB NOT NULL,
            cloudtrail TEXT NOT NULL, hash BLOB NOT NULL);
        CREATE INDEX trail_by_id ON trail (event_id);
        CREATE INDEX trail_by_user ON trail (user_name, sequence);
        CREATE INDEX trail_by_name ON trail (name, sequence);
        CREATE TABLE trail_head (
            id INTEGER PRIMARY KEY CHECK (id = 1), sequence INTEGER NOT NULL, hash BLOB NOT NULL);
        """
}
