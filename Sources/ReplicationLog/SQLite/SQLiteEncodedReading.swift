import Contracts
import Crypto
import Foundation
import GRDB
import GRDBSQLite
import SwiftProtobuf

extension SQLiteLogEngine {
    /// Reads rows straight into the encoding in which they travel, checksums verified: for readers that
    /// have much to read.
    package func readEncoded(_ query: ReadQuery) async throws -> EncodedRead {
        try await read { db in
            guard let standing = try Self.standing(query, db) else {
                return EncodedRead(
                    entries: [], through: .with { $0.stream = query.stream.text },
                    isAtHead: true, compactedThrough: 0, purgedThrough: 0)
            }
            var reading = EncodedReading(query)
            if let statement = try Self.statement(query, standing, db) {
                let names = try Self.domainNames(of: standing.stream, db)
                let rows = try Row.fetchCursor(statement)
                while try rows.next() != nil {
                    guard try reading.take(statement.sqliteStatement, names) else { break }
                }
            }
            return EncodedRead(
                entries: reading.encoder.bytes, through: reading.through(head: standing.head),
                isAtHead: !reading.isFull, compactedThrough: standing.compactedThrough,
                purgedThrough: standing.purgedThrough)
        }
    }
}

/// Gathers whole commits of rows up to a size, as `CommitBatch` gathers entries.
private struct EncodedReading {
    private let stream: StreamName
    private let entriesMax: Int
    private let bytesMax: Int
    private let streamText: String
    private let streamField: [UInt8]
    /// The domain of the row before.
    private var domain: (number: Int64, name: String, field: [UInt8]) = (0, "", [])
    private(set) var encoder: EntryEncoder
    /// Whether a row has been turned away.
    private(set) var isFull = false
    private var count = 0
    private var last: (commit: UInt64, epoch: UInt64)?
    /// Where the commit that is being gathered begins, and what came before it.
    private var commitStart = 0
    private var before: (commit: UInt64, epoch: UInt64)?
    private var hasher = FieldHasher(capacity: 1_024)

    init(_ query: ReadQuery) {
        stream = query.stream
        entriesMax = query.entriesMax
        bytesMax = query.bytesMax
        streamText = query.stream.text
        streamField = EntryEncoder.field(1, query.stream.text)
        encoder = EntryEncoder(capacity: query.bytesMax)
    }

    /// Takes the row at which the statement stands; false when the batch is full.
    ///
    /// Throws: `checksumMismatch`.
    mutating func take(_ row: OpaquePointer, _ names: [Int64: String]) throws -> Bool {
        let number = sqlite3_column_int64(row, 3)
        if domain.number != number || domain.field.isEmpty {
            let name = names[number] ?? ""
            domain = (number, name, EntryEncoder.field(5, name))
        }
        let parts = EntryParts(
            sequence: EntryID.sequence(of: sqlite3_column_int64(row, 0)),
            epoch: UInt64(bitPattern: sqlite3_column_int64(row, 1)),
            commit: UInt64(bitPattern: sqlite3_column_int64(row, 2)),
            key: Self.bytes(row, 4), version: UInt64(bitPattern: sqlite3_column_int64(row, 5)),
            tombstone: sqlite3_column_int64(row, 6) != 0, value: Self.bytes(row, 7),
            checksum: UInt64(bitPattern: sqlite3_column_int64(row, 8)),
            writtenAt: sqlite3_column_int64(row, 9))
        guard parts.checksum == checksum(of: parts, domain: domain.name) else {
            throw LogError.damaged(
                at: EntryPlace(stream: stream, sequence: parts.sequence))
        }
        if let last, parts.commit != last.commit {
            guard count < entriesMax else { return full() }
            commitStart = encoder.bytes.count
            before = last
        }
        encoder.add(parts, stream: streamField, domain: domain.field)
        if encoder.bytes.count > bytesMax, commitStart > 0 {
            encoder.cut(to: commitStart)
            last = before
            return full()
        }
        count += 1
        last = (parts.commit, parts.epoch)
        return true
    }

    private mutating func full() -> Bool {
        isFull = true
        return false
    }

    /// Where a reader stands after the batch.
    func through(head: LogPosition) -> LogPosition {
        guard isFull, let last else { return head }
        var through = head
        through.sequence = last.commit
        through.epoch = last.epoch
        return through
    }

    /// As `LogEntry.computedChecksum`.
    private mutating func checksum(of parts: EntryParts, domain: String) -> UInt64 {
        hasher.removeAll()
        hasher.add(streamText)
        hasher.add(parts.sequence)
        hasher.add(parts.epoch)
        hasher.add(parts.commit)
        hasher.add(domain)
        hasher.add(parts.key)
        hasher.add(parts.version)
        hasher.add(parts.tombstone)
        hasher.add(parts.value)
        hasher.add(UInt64(bitPattern: parts.writtenAt))
        return hasher.lanes(bigEndian: true)[0]
    }

    /// Text or bytes of a column, lent until the statement's next step.
    private static func bytes(_ row: OpaquePointer, _ column: Int32) -> UnsafeRawBufferPointer {
        let bytes = sqlite3_column_blob(row, column)
        return UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(row, column)))
    }
}
