/// A statement's text, which never holds a value.
struct PostgreSQLStatement {
    let name: String
    let sql: String
    let isPrepared: Bool

    /// Prepared once in each session.
    init(_ name: String, _ sql: String) {
        self.name = name
        self.sql = sql
        isPrepared = true
    }

    /// Parsed each time.
    init(once sql: String) {
        name = ""
        self.sql = sql
        isPrepared = false
    }
}

extension PostgreSQLStatement {
    static let setting = Self(once: "SELECT set_config($1, $2, false)")
    static let begin = Self(once: "BEGIN ISOLATION LEVEL SERIALIZABLE")
    /// For what touches no row of others.
    static let beginPlain = Self(once: "BEGIN ISOLATION LEVEL READ COMMITTED")
    static let beginSnapshot = Self(once: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    static let commit = Self(once: "COMMIT")
    static let rollBack = Self(once: "ROLLBACK")
    static let listen = Self(once: "LISTEN portolan_log")
    static let notify = Self("notify", "SELECT pg_notify('portolan_log', $1)")

    // MARK: - The head row: one lock for all writers of the log

    private static let headColumns = """
        h.revision, h.next_stream, h.next_domain, h.trail_sequence, h.trail_hash, h.mark,
        (SELECT counter FROM writers WHERE engine = $1)
        """
    /// What stands between transactions; the caller is then the only writer until it ends.
    static let lockHead = Self(
        "lock_head", "SELECT \(headColumns) FROM head h WHERE h.id = 1 FOR UPDATE")
    static let readHead = Self("read_head", "SELECT \(headColumns) FROM head h WHERE h.id = 1")
    static let updateHead = Self(
        "update_head",
        """
        UPDATE head SET revision = $1, next_stream = $2, next_domain = $3, trail_sequence = $4,
        trail_hash = $5, mark = $6 WHERE id = 1
        """)
    static let countWrite = Self(
        "count_write",
        """
        INSERT INTO writers (engine, counter, seen_at) VALUES ($1, $2, now())
        ON CONFLICT (engine) DO UPDATE SET counter = excluded.counter, seen_at = excluded.seen_at
        """)
    /// A write that changes nothing of the log: once it is durable, so is all that came before it.
    static let confirm = Self(
        "confirm",
        """
        INSERT INTO writers (engine, counter, seen_at) VALUES ($1, 0, now())
        ON CONFLICT (engine) DO UPDATE SET seen_at = excluded.seen_at
        """)
    /// One row when the lease is this engine's now.
    static let lease = Self(
        "lease",
        """
        UPDATE lease SET holder = $1, until = now() + interval '5 seconds'
        WHERE id = 1 AND (holder = $1 OR until < now()) RETURNING id
        """)
    static let forgetWriters = Self(
        once: "DELETE FROM writers WHERE seen_at < now() - interval '7 days'")

    // MARK: - State

    static let metadata = Self("metadata", "SELECT key, value FROM metadata")
    static let streams = Self(
        "streams",
        """
        SELECT id, name, head, head_epoch, compacted_through, purged_through, entries FROM streams
        """)
    static let domains = Self(
        "domains", "SELECT id, stream, name, last_sequence, live_keys, digest FROM domains")
    /// Entries between two IDs, with what only this engine keeps.
    static let entriesWithRequests = Self(
        "entries_with_requests",
        """
        SELECT id, epoch, last, domain, key, version, tombstone, value, checksum, written_at,
        request FROM entries WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3
        """)
    static let requests = Self(
        "requests",
        """
        SELECT id, epoch, last, request, written_at FROM entries WHERE id > $1 AND id <= $2
        ORDER BY id
        """)

    // MARK: - Writing

    static let insertStream = Self(
        "insert_stream", "INSERT INTO streams VALUES ($1, $2, 0, 0, 0, 0, 0)")
    static let insertDomain = Self(
        "insert_domain", "INSERT INTO domains VALUES ($1, $2, $3, 0, 0, $4)")
    static let newest = Self(
        "newest",
        """
        SELECT n.key, e.id, e.epoch, e.last, e.version, e.tombstone, e.value, e.checksum,
        e.written_at FROM newest n JOIN entries e ON e.id = n.id WHERE n.domain = $1 AND n.key = ANY($2::bytea[])
        """)
    static let insertEntries = Self(
        "insert_entries",
        """
        INSERT INTO entries SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[],
        $4::bigint[], $5::bytea[], $6::bigint[], $7::boolean[], $8::bytea[], $9::bigint[],
        $10::bigint[], $11::bytea[])
        """)
    static let entry = Self(
        "entry",
        """
        SELECT id, epoch, last, domain, key, version, tombstone, value, checksum, written_at
        FROM entries WHERE id = $1
        """)
    static let replaceEntry = Self(
        "replace_entry",
        """
        UPDATE entries SET epoch = $1, last = $2, domain = $3, key = $4, version = $5,
        tombstone = $6, value = $7, checksum = $8, written_at = $9 WHERE id = $10
        """)
    static let superseding = Self(
        "superseding",
        "SELECT by_id FROM superseded WHERE by_id > $1 AND by_id <= $2 AND id = $1")
    static let supersededBy = Self(
        "superseded_by", "SELECT id FROM superseded WHERE by_id = $1")
    static let lastEntries = Self(
        "last_entries",
        """
        SELECT id, epoch, last, domain, key, version, tombstone, value, checksum, written_at
        FROM entries WHERE id BETWEEN $1 AND $2 ORDER BY id DESC LIMIT $3
        """)
    static let lastOfDomain = Self(
        "last_of_domain",
        """
        SELECT id FROM entries WHERE domain = $1 AND id BETWEEN $2 AND $3
        ORDER BY id DESC LIMIT 1
        """)
    static let deleteKey = Self(
        "delete_key", "DELETE FROM newest WHERE domain = $1 AND key = $2")
    static let upsertNewest = Self(
        "upsert_newest",
        """
        INSERT INTO newest SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bigint[])
        ON CONFLICT (domain, key) DO UPDATE SET id = excluded.id
        """)
    static let insertSuperseded = Self(
        "insert_superseded",
        "INSERT INTO superseded SELECT * FROM unnest($1::bigint[], $2::bigint[])")
    static let insertTombstones = Self(
        "insert_tombstones",
        "INSERT INTO tombstones SELECT * FROM unnest($1::bigint[], $2::bigint[])")
    static let deleteTombstones = Self(
        "delete_tombstones", "DELETE FROM tombstones WHERE id = ANY($1::bigint[])")
    static let deleteEntries = Self(
        "delete_entries", "DELETE FROM entries WHERE id = ANY($1::bigint[])")
    static let deleteSuperseded = Self(
        "delete_superseded", "DELETE FROM superseded WHERE by_id = ANY($1::bigint[])")
    static let deleteNewest = Self(
        "delete_newest",
        """
        DELETE FROM newest WHERE (domain, key) IN
        (SELECT domain, key FROM entries WHERE id = ANY($1::bigint[]))
        """)
    static let updateStream = Self(
        "update_stream",
        """
        UPDATE streams SET head = $1, head_epoch = $2, compacted_through = $3,
        purged_through = $4, entries = $5 WHERE id = $6
        """)
    static let updateDomain = Self(
        "update_domain",
        "UPDATE domains SET last_sequence = $1, live_keys = $2, digest = $3 WHERE id = $4")
    static let deleteMetadata = Self("delete_metadata", "DELETE FROM metadata")
    static let insertMetadata = Self("insert_metadata", "INSERT INTO metadata VALUES ($1, $2)")
    static let superseded = Self(
        "superseded",
        """
        SELECT by_id, id FROM superseded WHERE by_id >= $1 AND by_id < $2 ORDER BY by_id LIMIT $3
        """)
    static let tombstones = Self(
        "tombstones",
        """
        SELECT id FROM (
            SELECT id, written_at FROM tombstones WHERE id >= $1 AND id < $2 ORDER BY id LIMIT $3
        ) AS oldest WHERE written_at < $4 ORDER BY id LIMIT $5
        """)
    static let acknowledge = Self(
        "acknowledge",
        """
        INSERT INTO acknowledgements VALUES ($1, $2, $3, $4) ON CONFLICT (region, stream)
        DO UPDATE SET sequence = excluded.sequence, seen_at = excluded.seen_at
        """)
    static let forget = Self("forget", "DELETE FROM acknowledgements WHERE region = $1")
    static let acknowledged = Self(
        "acknowledged", "SELECT region, stream, sequence FROM acknowledgements")
    static let insertTrail = Self(
        "insert_trail",
        "INSERT INTO trail VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")

    // MARK: - Removing streams

    static let removeStream: [Self] = [
        Self(
            "remove_newest",
            "DELETE FROM newest WHERE domain IN (SELECT id FROM domains WHERE stream = $1)"),
        Self("remove_domains", "DELETE FROM domains WHERE stream = $1"),
        Self("remove_stream", "DELETE FROM streams WHERE id = $1"),
    ]
    static let removeStreamRange: [Self] = [
        Self("remove_entries", "DELETE FROM entries WHERE id BETWEEN $1 AND $2"),
        Self("remove_superseded", "DELETE FROM superseded WHERE by_id BETWEEN $1 AND $2"),
        Self("remove_tombstones", "DELETE FROM tombstones WHERE id BETWEEN $1 AND $2"),
    ]
    static let removeEverything: [Self] = [
        "entries", "newest", "superseded", "tombstones", "domains", "streams", "acknowledgements",
    ].map { Self(once: "DELETE FROM \($0)") }
}
