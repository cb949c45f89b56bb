import Foundation

/// The tables of one Region's log in a PostgreSQL database, in a schema of their own.
///
/// The same as in SQLite (`SQLiteSchema`), and `head`: the row that every transaction locks first,
/// whose revision goes up with each. Texts that callers choose are kept as bytes: PostgreSQL's text
/// cannot hold every string.
enum PostgreSQLSchema {
    static let version: Int64 = 1

    /// Makes what is missing; several coordinators may do so at once.
    ///
    /// Throws: `LogError` when the tables are of a newer version; `PostgreSQLError`.
    static func prepare(_ connection: PostgreSQLConnection, schema: String) throws {
        for attempt in 1...10 {
            do {
                return try prepareOnce(connection, schema: schema)
            } catch let error as PostgreSQLError {
                try connection.rollBack()
                // Another coordinator makes the same at the same time.
                guard case .server(let state) = error,
                    ["23505", "42P06", "42P07", "40001", "40P01", "XX000"].contains(state),
                    attempt < 10
                else { throw error }
            }
        }
    }

    private static func prepareOnce(_ connection: PostgreSQLConnection, schema: String) throws {
        try connection.queue(
            PostgreSQLStatement(
                once: """
                    SELECT count(*) FROM information_schema.tables
                    WHERE table_schema = $1 AND table_name = 'head'
                    """), [.text(schema)])
        let found = try connection.flush()
        if try found[0].integer(0, 0) == 0 { try make(connection, schema: schema) }
        try connection.queue(PostgreSQLStatement(once: files))
        _ = try connection.flush()
        try connection.queue(
            PostgreSQLStatement(once: "SELECT schema_version FROM head WHERE id = 1"))
        let rows = try connection.flush()[0]
        guard rows.count == 1, try rows.integer(0, 0) == version else {
            throw LogError(
                .storageFailed,
                "The log's tables in the database are of another version than this program's.")
        }
    }

    private static func make(_ connection: PostgreSQLConnection, schema: String) throws {
        try connection.queue(.begin)
        try connection.queue(
            PostgreSQLStatement(
                once: "SELECT count(*) FROM information_schema.schemata WHERE schema_name = $1"),
            [.text(schema)])
        let hasSchema = try connection.flush()[1].integer(0, 0) > 0
        if !hasSchema {
            try connection.queue(PostgreSQLStatement(once: "CREATE SCHEMA \(schema)"))
        }
        for table in tables { try connection.queue(PostgreSQLStatement(once: table)) }
        try connection.queue(
            PostgreSQLStatement(once: "INSERT INTO head VALUES (1, $1, 1, 1, 1, 0, $2, $2)"),
            [.integer(version), .bytes(TrailChain().hash)])
        try connection.queue(
            PostgreSQLStatement(once: "INSERT INTO lease VALUES (1, $1, now())"), [.bytes(Data())])
        try connection.queue(.commit)
        _ = try connection.flush()
    }

    /// Came later: made in an older database when that is opened.
    private static let files = """
        CREATE TABLE IF NOT EXISTS files (
            name bytea NOT NULL, part bigint NOT NULL, data bytea NOT NULL,
            PRIMARY KEY (name, part))
        """

    private static let tables = [
        """
        CREATE TABLE head (
            id bigint PRIMARY KEY CHECK (id = 1), schema_version bigint NOT NULL,
            revision bigint NOT NULL, next_stream bigint NOT NULL, next_domain bigint NOT NULL,
            trail_sequence bigint NOT NULL, trail_hash bytea NOT NULL, mark bytea NOT NULL)
        """,
        """
        CREATE TABLE writers (
            engine bytea PRIMARY KEY, counter bigint NOT NULL, seen_at timestamptz NOT NULL)
        """,
        """
        CREATE TABLE lease (
            id bigint PRIMARY KEY CHECK (id = 1), holder bytea NOT NULL, until timestamptz NOT NULL)
        """,
        "CREATE TABLE metadata (key text PRIMARY KEY, value text NOT NULL)",
        """
        CREATE TABLE streams (
            id bigint PRIMARY KEY, name text NOT NULL UNIQUE, head bigint NOT NULL,
            head_epoch bigint NOT NULL, compacted_through bigint NOT NULL,
            purged_through bigint NOT NULL, entries bigint NOT NULL)
        """,
        """
        CREATE TABLE domains (
            id bigint PRIMARY KEY, stream bigint NOT NULL, name bytea NOT NULL,
            last_sequence bigint NOT NULL, live_keys bigint NOT NULL, digest bytea NOT NULL,
            UNIQUE (stream, name))
        """,
        """
        CREATE TABLE entries (
            id bigint PRIMARY KEY, epoch bigint NOT NULL, last bigint NOT NULL,
            domain bigint NOT NULL, key bytea NOT NULL, version bigint NOT NULL,
            tombstone boolean NOT NULL, value bytea NOT NULL, checksum bigint NOT NULL,
            written_at bigint NOT NULL, request bytea)
        """,
        """
        CREATE TABLE newest (
            domain bigint NOT NULL, key bytea NOT NULL, id bigint NOT NULL,
            PRIMARY KEY (domain, key))
        """,
        "CREATE TABLE superseded (by_id bigint PRIMARY KEY, id bigint NOT NULL)",
        "CREATE TABLE tombstones (id bigint PRIMARY KEY, written_at bigint NOT NULL)",
        """
        CREATE TABLE acknowledgements (
            region text NOT NULL, stream text NOT NULL, sequence bigint NOT NULL,
            seen_at bigint NOT NULL, PRIMARY KEY (region, stream))
        """,
        """
        CREATE TABLE trail (
            sequence bigint PRIMARY KEY, event_id bytea NOT NULL, event_time bigint NOT NULL,
            name bytea NOT NULL, source bytea NOT NULL, user_name bytea NOT NULL,
            read_only boolean NOT NULL, resources bytea NOT NULL, event bytea NOT NULL,
            cloudtrail bytea NOT NULL, hash bytea NOT NULL)
        """,
        "CREATE INDEX trail_by_id ON trail (event_id)",
        "CREATE INDEX trail_by_user ON trail (user_name, sequence)",
        "CREATE INDEX trail_by_name ON trail (name, sequence)",
    ]
}
