package import Contracts
import Foundation
import GRDB
import SwiftProtobuf

extension SQLiteLogEngine {
    /// Runs `body` on a snapshot beside the writer.
    func read<R: Sendable>(_ body: @escaping @Sendable (Database) throws -> R) async throws -> R {
        do {
            return try await pool.read(body)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw LogError.storage(error)
        }
    }

    package func read(_ query: ReadQuery) async throws -> ReadResult {
        try await read { db in try Self.read(query, db) }
    }

    private static func read(_ query: ReadQuery, _ db: Database) throws -> ReadResult {
        guard let standing = try standing(query, db) else {
            return ReadResult(
                entries: [], through: .with { $0.stream = query.stream.text }, isAtHead: true,
                compactedThrough: 0, purgedThrough: 0)
        }
        var batch = CommitBatch(entriesMax: query.entriesMax, bytesMax: query.bytesMax)
        if let statement = try statement(query, standing, db) {
            let names = try domainNames(of: standing.stream, db)
            let rows = try Row.fetchCursor(statement)
            while let row = try rows.next() {
                guard batch.add(try entry(row, stream: query.stream, names)) else { break }
            }
        }
        return ReadResult(
            entries: batch.entries, through: batch.through(head: standing.head),
            isAtHead: !batch.isFull, compactedThrough: standing.compactedThrough,
            purgedThrough: standing.purgedThrough)
    }

    /// Where a stream stands in storage.
    struct Standing {
        /// Its number.
        let stream: Int64
        let head: LogPosition
        let compactedThrough: UInt64
        let purgedThrough: UInt64
    }

    /// Nil when nothing of the stream is there.
    ///
    /// Throws: what `checkStanding` says of the reader.
    static func standing(_ query: ReadQuery, _ db: Database) throws -> Standing? {
        let row = try Row.fetchOne(
            db, sql: "SELECT * FROM streams WHERE name = ?", arguments: [query.stream.text])
        guard let row else {
            try query.checkStanding(head: 0, purged: 0)
            return nil
        }
        var head = LogPosition()
        head.stream = query.stream.text
        head.epoch = UInt64(row["head_epoch"] as Int64)
        head.sequence = UInt64(row["head"] as Int64)
        let purged = UInt64(row["purged_through"] as Int64)
        try query.checkStanding(head: head.sequence, purged: purged)
        return Standing(
            stream: row["id"], head: head,
            compactedThrough: UInt64(row["compacted_through"] as Int64), purgedThrough: purged)
    }

    /// The rows to read; nil when the stream has none of the domains.
    static func statement(
        _ query: ReadQuery, _ standing: Standing, _ db: Database
    ) throws -> Statement? {
        var filter = ""
        if let domains = query.domains {
            let names = try domainNames(of: standing.stream, db)
            let ids = names.filter { domains.contains($0.value) }.keys.sorted()
            guard !ids.isEmpty else { return nil }
            filter = "AND domain IN (\(ids.map(String.init).joined(separator: ",")))"
        }
        let statement = try db.cachedStatement(
            sql: """
                SELECT id, epoch, last, domain, key, version, tombstone, value, checksum,
                written_at FROM entries WHERE id > ? AND id <= ? \(filter) ORDER BY id
                """)
        statement.setUncheckedArguments([
            EntryID.make(stream: standing.stream, sequence: query.after),
            EntryID.make(stream: standing.stream, sequence: standing.head.sequence),
        ])
        return statement
    }

    static func domainNames(of stream: Int64, _ db: Database) throws -> [Int64: String] {
        var names: [Int64: String] = [:]
        let rows = try Row.fetchAll(
            db, sql: "SELECT id, name FROM domains WHERE stream = ?", arguments: [stream])
        for row in rows { names[row["id"]] = row["name"] }
        return names
    }

    static let entryColumns =
        "id, epoch, last, domain, key, version, tombstone, value, checksum, written_at"

    package func entries(
        of stream: StreamName, at sequences: [UInt64]
    ) async throws -> [LogEntry] {
        try await read { db in
            guard
                let id = try Int64.fetchOne(
                    db, sql: "SELECT id FROM streams WHERE name = ?", arguments: [stream.text])
            else { return [] }
            let names = try Self.domainNames(of: id, db)
            return try sequences.compactMap { sequence in
                try Row.fetchOne(
                    db, sql: "SELECT \(Self.entryColumns) FROM entries WHERE id = ?",
                    arguments: [EntryID.make(stream: id, sequence: sequence)]
                ).map { Self.unverified($0, stream: stream, names) }
            }.filter(\.isIntact)
        }
    }

    static func entry(
        _ row: Row, stream: StreamName, _ names: [Int64: String]
    ) throws -> LogEntry {
        let entry = unverified(row, stream: stream, names)
        guard entry.isIntact else { throw LogError.damaged(entry, in: stream) }
        return entry
    }

    /// A row of `entryColumns` as it lies there. Where a value has become one of another type it reads
    /// as zero or empty, which the checksum then tells.
    static func unverified(
        _ row: Row, stream: StreamName, _ names: [Int64: String]
    ) -> LogEntry {
        func integer(_ column: Int) -> Int64 { Int64.fromDatabaseValue(row[column]) ?? 0 }
        var entry = LogEntry()
        entry.stream = stream.text
        entry.sequence = EntryID.sequence(of: row[0])
        entry.epoch = UInt64(bitPattern: integer(1))
        entry.commit = UInt64(bitPattern: integer(2))
        entry.domain = names[integer(3)] ?? ""
        entry.key = String.fromDatabaseValue(row[4]) ?? ""
        entry.version = UInt64(bitPattern: integer(5))
        entry.tombstone = integer(6) != 0
        entry.value = Data.fromDatabaseValue(row[7]) ?? Data()
        entry.checksum = UInt64(bitPattern: integer(8))
        entry.writtenAtUs = integer(9)
        return entry
    }

    package func snapshot(
        stream: StreamName, domain: String, keyPrefix: String
    ) async throws -> [LogEntry] {
        try await read { db in
            guard
                let row = try Row.fetchOne(
                    db,
                    sql: """
                        SELECT d.id, d.stream FROM domains d JOIN streams s ON s.id = d.stream
                        WHERE s.name = ? AND d.name = ?
                        """, arguments: [stream.text, domain])
            else { return [] }
            let names = try Self.domainNames(of: row["stream"], db)
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT e.id, e.epoch, e.last, e.domain, e.key, e.version, e.tombstone, e.value,
                    e.checksum, e.written_at FROM newest n JOIN entries e ON e.id = n.id
                    WHERE n.domain = ? AND n.key >= ? AND n.key < ? AND e.tombstone = 0
                    ORDER BY n.key
                    """,
                arguments: [row["id"] as Int64, keyPrefix, keyPrefix + "\u{10FFFF}"])
            return try rows.map { try Self.entry($0, stream: stream, names) }
        }
    }

    package func acknowledged() async throws -> [String: [StreamName: UInt64]] {
        try await read { try Self.acknowledged($0) }
    }

    static func acknowledged(_ db: Database) throws -> [String: [StreamName: UInt64]] {
        var positions: [String: [StreamName: UInt64]] = [:]
        let rows = try Row.fetchAll(
            db, sql: "SELECT region, stream, sequence FROM acknowledgements")
        for row in rows {
            guard let stream = StreamName(row["stream"] as String) else { continue }
            positions[row["region"], default: [:]][stream] = UInt64(row["sequence"] as Int64)
        }
        return positions
    }
}
