import Contracts
import Foundation
import GRDB
import SwiftProtobuf

/// The log's tables on the writer's connection, inside one transaction.
final class SQLiteTables: LogTables {
    private let db: Database
    private let region: String
    private let statements: SQLiteStatements

    init(_ db: Database, region: String) throws {
        self.db = db
        self.region = region
        self.statements = try SQLiteStatements(db)
    }

    func makeStream(_ name: StreamName) throws -> Int64 {
        try db.execute(
            sql: """
                INSERT INTO streams
                (name, head, head_epoch, compacted_through, purged_through, entries)
                VALUES (?, 0, 0, 0, 0, 0)
                """, arguments: [name.text])
        return db.lastInsertedRowID
    }

    func makeDomain(_ name: String, stream: Int64) throws -> Int64 {
        try db.execute(
            sql: """
                INSERT INTO domains (stream, name, last_sequence, live_keys, digest)
                VALUES (?, ?, 0, 0, ?)
                """, arguments: [stream, name, DomainDigest().bytes])
        return db.lastInsertedRowID
    }

    func newest(domain: Int64, keys: [String]) throws -> [NewestEntry?] {
        try keys.map { try statements.newest(domain: domain, key: $0) }
    }

    func insert(_ row: EntryRow) throws {
        let entry = row.entry
        try statements.insert(entry, id: row.id, domain: row.domain, request: row.request)
        if let previous = row.previous {
            try statements.replaceNewest(
                domain: row.domain, key: entry.key, id: row.id, previous: previous)
        } else {
            try statements.insertNewest(domain: row.domain, key: entry.key, id: row.id)
        }
        if entry.tombstone { try statements.insertTombstone(id: row.id, at: entry.writtenAtUs) }
    }

    func entry(_ id: Int64, in stream: StreamState) throws -> LogEntry? {
        let names = try SQLiteLogEngine.domainNames(of: stream.id, db)
        let row = try Row.fetchOne(
            db, sql: "SELECT \(SQLiteLogEngine.entryColumns) FROM entries WHERE id = ?",
            arguments: [id])
        return row.map { SQLiteLogEngine.unverified($0, stream: stream.name, names) }
    }

    func replace(_ id: Int64, domain: Int64, by entry: LogEntry) throws {
        try db.execute(
            sql: """
                UPDATE entries SET epoch = ?, last = ?, domain = ?, key = ?, version = ?,
                tombstone = ?, value = ?, checksum = ?, written_at = ? WHERE id = ?
                """,
            arguments: [
                Int64(entry.epoch), Int64(entry.commit), domain, entry.key, Int64(entry.version),
                entry.tombstone, entry.value, Int64(bitPattern: entry.checksum),
                entry.writtenAtUs, id,
            ])
    }

    func superseding(_ id: Int64, in stream: StreamState) throws -> SupersededEntry? {
        try Int64.fetchOne(
            db, sql: "SELECT by_id FROM superseded WHERE by_id > ? AND by_id <= ? AND id = ?",
            arguments: [id, EntryID.make(stream: stream.id, sequence: stream.head), id]
        ).map { SupersededEntry(by: $0, id: id) }
    }

    func superseded(by id: Int64) throws -> SupersededEntry? {
        let statement = try db.cachedStatement(sql: "SELECT id FROM superseded WHERE by_id = ?")
        return try Int64.fetchOne(statement, arguments: [id])
            .map { SupersededEntry(by: id, id: $0) }
    }

    func last(_ limit: Int, of stream: StreamState, after sequence: UInt64) throws -> [LogEntry] {
        let names = try SQLiteLogEngine.domainNames(of: stream.id, db)
        let range = EntryID.range(stream: stream.id, after: sequence)
        return try Row.fetchAll(
            db,
            sql: """
                SELECT \(SQLiteLogEngine.entryColumns) FROM entries WHERE id BETWEEN ? AND ?
                ORDER BY id DESC LIMIT ?
                """, arguments: [range.lowerBound, range.upperBound, limit]
        ).map { SQLiteLogEngine.unverified($0, stream: stream.name, names) }
    }

    func takeBack(_ id: Int64, domain: Int64, key: String, predecessor: NewestEntry?) throws {
        for (table, column) in [("entries", "id"), ("superseded", "by_id"), ("tombstones", "id")] {
            try db.cachedStatement(sql: "DELETE FROM \(table) WHERE \(column) = ?")
                .execute(arguments: [id])
        }
        guard let predecessor else {
            return try db.cachedStatement(sql: "DELETE FROM newest WHERE domain = ? AND key = ?")
                .execute(arguments: [domain, key])
        }
        try db.cachedStatement(sql: "UPDATE newest SET id = ? WHERE domain = ? AND key = ?")
            .execute(arguments: [predecessor.id, domain, key])
        if predecessor.tombstone {
            try statements.insertTombstone(
                id: predecessor.id, at: predecessor.writtenAtMicroseconds)
        }
    }

    func lastSequence(ofDomain domain: Int64, in stream: StreamState) throws -> UInt64 {
        let range = EntryID.range(stream: stream.id, after: 0)
        let id = try Int64.fetchOne(
            db,
            sql: """
                SELECT id FROM entries WHERE domain = ? AND id BETWEEN ? AND ?
                ORDER BY id DESC LIMIT 1
                """, arguments: [domain, range.lowerBound, range.upperBound])
        return id.map(EntryID.sequence(of:)) ?? 0
    }

    func save(_ stream: StreamState) throws { try statements.update(stream) }

    /// Replaces the identity; the Region's name stays.
    func save(_ identity: LogIdentity?) throws {
        try db.execute(sql: "DELETE FROM metadata")
        for (key, value) in IdentityFields.values(of: identity, region: region) {
            try db.execute(
                sql: "INSERT INTO metadata (key, value) VALUES (?, ?)", arguments: [key, value])
        }
    }

    func removeEverything() throws {
        for table in [
            "entries", "newest", "superseded", "tombstones", "domains", "streams",
            "acknowledgements",
        ] {
            try db.execute(sql: "DELETE FROM \(table)")
        }
    }

    func remove(_ stream: StreamState) throws {
        let range = EntryID.range(stream: stream.id, after: 0)
        for (table, column) in [
            ("entries", "id"), ("superseded", "by_id"), ("tombstones", "id"),
        ] {
            try db.execute(
                sql: "DELETE FROM \(table) WHERE \(column) BETWEEN ? AND ?",
                arguments: [range.lowerBound, range.upperBound])
        }
        for domain in stream.domains.values {
            try db.execute(sql: "DELETE FROM newest WHERE domain = ?", arguments: [domain.id])
        }
        try db.execute(sql: "DELETE FROM domains WHERE stream = ?", arguments: [stream.id])
        try db.execute(sql: "DELETE FROM streams WHERE id = ?", arguments: [stream.id])
    }

    func acknowledge(region: String, stream: String, sequence: UInt64, at time: Int64) throws {
        try db.execute(
            sql: """
                INSERT INTO acknowledgements VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET
                sequence = excluded.sequence, seen_at = excluded.seen_at
                """, arguments: [region, stream, Int64(clamping: sequence), time])
    }

    func forget(region: String) throws {
        try db.execute(
            sql: "DELETE FROM acknowledgements WHERE region = ?", arguments: [region])
    }

    func superseded(by range: Range<Int64>, limit: Int) throws -> [SupersededEntry] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT by_id, id FROM superseded WHERE by_id >= ? AND by_id < ?
                ORDER BY by_id LIMIT ?
                """, arguments: [range.lowerBound, range.upperBound, limit]
        ).map { SupersededEntry(by: $0[0], id: $0[1]) }
    }

    func tombstones(in range: Range<Int64>, before: Int64, limit: Int) throws -> [Int64] {
        try Int64.fetchAll(
            db,
            sql: """
                SELECT id FROM (
                    SELECT id, written_at FROM tombstones
                    WHERE id >= ? AND id < ? ORDER BY id LIMIT ?
                ) WHERE written_at < ? ORDER BY id LIMIT ?
                """,
            arguments: [
                range.lowerBound, range.upperBound, CompactionRequest.tombstonesLookedAt, before,
                limit,
            ])
    }

    func remove(superseded: [SupersededEntry], tombstones: [Int64]) throws {
        let deleteEntry = try db.cachedStatement(sql: "DELETE FROM entries WHERE id = ?")
        let deleteSuperseded = try db.cachedStatement(
            sql: "DELETE FROM superseded WHERE by_id = ?")
        for pair in superseded {
            try deleteEntry.execute(arguments: [pair.id])
            try deleteSuperseded.execute(arguments: [pair.by])
        }
        let deleteTombstone = try db.cachedStatement(sql: "DELETE FROM tombstones WHERE id = ?")
        let deleteNewest = try db.cachedStatement(
            sql: """
                DELETE FROM newest WHERE (domain, key) =
                (SELECT domain, key FROM entries WHERE id = ?)
                """)
        for id in tombstones {
            try deleteNewest.execute(arguments: [id])
            try deleteEntry.execute(arguments: [id])
            try deleteTombstone.execute(arguments: [id])
        }
    }

    func insert(_ events: [TrailRow], head: TrailChain) throws {
        let insert = try db.cachedStatement(
            sql: "INSERT INTO trail VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        for row in events {
            let (draft, event) = (row.draft, row.draft.event)
            insert.setUncheckedArguments([
                Int64(row.sequence), draft.eventID, draft.eventTimeMicroseconds, event.eventName,
                event.eventSource, event.actor.userName, event.readOnly,
                event.resources.map(\.arn).joined(separator: "\n"),
                try event.serializedData(), draft.cloudTrailJSON, row.hash,
            ])
            try insert.execute()
        }
        let update = try db.cachedStatement(
            sql: "INSERT OR REPLACE INTO trail_head VALUES (1, ?, ?)")
        try update.execute(arguments: [Int64(head.sequence), head.hash])
    }
}
