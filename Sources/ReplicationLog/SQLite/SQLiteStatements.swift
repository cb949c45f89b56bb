import Contracts
import Foundation
import GRDB

/// The prepared statements of the write path, taken from the connection's cache once per
/// transaction.
struct SQLiteStatements {
    private let selectNewest: Statement
    private let insertEntry: Statement
    private let insertNewestRow: Statement
    private let updateNewestRow: Statement
    private let insertSuperseded: Statement
    private let insertTombstoneRow: Statement
    private let deleteTombstoneRow: Statement
    private let updateStream: Statement
    private let updateDomain: Statement

    init(_ db: Database) throws {
        selectNewest = try db.cachedStatement(
            sql: """
                SELECT e.id, e.epoch, e.last, e.version, e.tombstone, e.value, e.checksum,
                e.written_at FROM newest n
                JOIN entries e ON e.id = n.id WHERE n.domain = ? AND n.key = ?
                """)
        insertEntry = try db.cachedStatement(
            sql: "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        insertNewestRow = try db.cachedStatement(sql: "INSERT INTO newest VALUES (?, ?, ?)")
        updateNewestRow = try db.cachedStatement(
            sql: "UPDATE newest SET id = ? WHERE domain = ? AND key = ?")
        insertSuperseded = try db.cachedStatement(sql: "INSERT INTO superseded VALUES (?, ?)")
        insertTombstoneRow = try db.cachedStatement(sql: "INSERT INTO tombstones VALUES (?, ?)")
        deleteTombstoneRow = try db.cachedStatement(sql: "DELETE FROM tombstones WHERE id = ?")
        updateStream = try db.cachedStatement(
            sql: """
                UPDATE streams SET head = ?, head_epoch = ?, compacted_through = ?,
                purged_through = ?, entries = ? WHERE id = ?
                """)
        updateDomain = try db.cachedStatement(
            sql: "UPDATE domains SET last_sequence = ?, live_keys = ?, digest = ? WHERE id = ?")
    }

    private func run(_ statement: Statement, _ arguments: StatementArguments) throws {
        statement.setUncheckedArguments(arguments)
        try statement.execute()
    }

    func newest(domain: Int64, key: String) throws -> NewestEntry? {
        selectNewest.setUncheckedArguments([domain, key])
        let rows = try Row.fetchCursor(selectNewest)
        guard let row = try rows.next() else { return nil }
        var entry = LogEntry()
        entry.epoch = UInt64(bitPattern: row[1] as Int64)
        entry.commit = UInt64(bitPattern: row[2] as Int64)
        entry.key = key
        entry.version = UInt64(bitPattern: row[3] as Int64)
        entry.tombstone = row[4]
        entry.value = row[5]
        entry.checksum = UInt64(bitPattern: row[6] as Int64)
        entry.writtenAtUs = row[7]
        return NewestEntry(id: row[0], entry)
    }

    func insert(_ entry: LogEntry, id: Int64, domain: Int64, request: String?) throws {
        try run(
            insertEntry,
            [
                id, Int64(entry.epoch), Int64(entry.commit), domain, entry.key,
                Int64(entry.version), entry.tombstone, entry.value,
                Int64(bitPattern: entry.checksum), entry.writtenAtUs, request,
            ])
    }

    func insertNewest(domain: Int64, key: String, id: Int64) throws {
        try run(insertNewestRow, [domain, key, id])
    }

    func replaceNewest(domain: Int64, key: String, id: Int64, previous: NewestEntry) throws {
        try run(updateNewestRow, [id, domain, key])
        try run(insertSuperseded, [id, previous.id])
        if previous.tombstone { try run(deleteTombstoneRow, [previous.id]) }
    }

    func insertTombstone(id: Int64, at timeMicroseconds: Int64) throws {
        try run(insertTombstoneRow, [id, timeMicroseconds])
    }

    func update(_ stream: StreamState) throws {
        try run(
            updateStream,
            [
                Int64(stream.head), Int64(stream.headEpoch), Int64(stream.compactedThrough),
                Int64(stream.purgedThrough), Int64(stream.entries), stream.id,
            ])
        for domain in stream.domains.values {
            try run(
                updateDomain,
                [
                    Int64(domain.lastSequence), Int64(domain.digest.liveKeys),
                    domain.digest.bytes, domain.id,
                ])
        }
    }
}
