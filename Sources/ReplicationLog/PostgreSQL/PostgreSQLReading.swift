package import Contracts
import Foundation

extension PostgreSQLLogEngine {
    /// Rows fetched at once: bounds what a reader holds.
    private static let page = 256

    package func read(_ query: ReadQuery) async throws -> ReadResult {
        let region = region
        return try await readers.read { connection in
            // Not more than three small tables; the number of streams is bounded.
            let state = try PostgreSQLStateReader(connection: connection, region: region).state()
            var head = LogPosition()
            head.stream = query.stream.text
            guard let stream = state.streams[query.stream] else {
                try query.checkStanding(head: 0, purged: 0)
                return ReadResult(
                    entries: [], through: head, isAtHead: true, compactedThrough: 0,
                    purgedThrough: 0)
            }
            try query.checkStanding(head: stream.head, purged: stream.purgedThrough)
            let batch = try Self.entries(query, of: stream, connection)
            return ReadResult(
                entries: batch.entries, through: batch.through(head: stream.position),
                isAtHead: !batch.isFull, compactedThrough: stream.compactedThrough,
                purgedThrough: stream.purgedThrough)
        }
    }

    private static func entries(
        _ query: ReadQuery, of stream: StreamState, _ connection: PostgreSQLConnection
    ) throws -> CommitBatch {
        var batch = CommitBatch(entriesMax: query.entriesMax, bytesMax: query.bytesMax)
        let wanted = stream.domains.filter { query.domains?.contains($0.key) ?? true }
        let names = stream.names.filter { wanted[$0.value] != nil }
        guard !names.isEmpty else { return batch }
        var after = EntryID.make(stream: stream.id, sequence: query.after)
        while true {
            try connection.queue(
                .readEntries,
                [
                    .integer(after),
                    .integer(EntryID.make(stream: stream.id, sequence: stream.head)),
                    .integers(Array(names.keys)), .integer(Int64(page)),
                ])
            guard let rows = try connection.flush().last else {
                throw PostgreSQLError.unexpectedAnswer
            }
            for row in 0..<rows.count {
                let entry = try PostgreSQLStateReader.entry(
                    rows, row, stream: query.stream, names)
                guard batch.add(entry) else { return batch }
                after = try rows.integer(row, 0)
            }
            guard rows.count == page else { return batch }
        }
    }

    package func entries(
        of stream: StreamName, at sequences: [UInt64]
    ) async throws -> [LogEntry] {
        let region = region
        return try await readers.read { connection in
            let state = try PostgreSQLStateReader(connection: connection, region: region).state()
            guard let held = state.streams[stream] else { return [] }
            return try sequences.compactMap { sequence in
                try connection.queue(
                    .entry, [.integer(EntryID.make(stream: held.id, sequence: sequence))])
                guard let rows = try connection.flush().last else {
                    throw PostgreSQLError.unexpectedAnswer
                }
                guard rows.count == 1 else { return nil }
                return try PostgreSQLStateReader.unverified(rows, 0, stream: stream, held.names)
            }.filter(\.isIntact)
        }
    }

    package func snapshot(
        stream: StreamName, domain: String, keyPrefix: String
    ) async throws -> [LogEntry] {
        let region = region
        return try await readers.read { connection in
            let state = try PostgreSQLStateReader(connection: connection, region: region).state()
            guard let held = state.streams[stream]?.domains[domain] else { return [] }
            var end = Data(keyPrefix.utf8)
            end.append(contentsOf: [0xFF])
            try connection.queue(
                .snapshot,
                [.integer(held.id), .textBytes(keyPrefix), .bytes(end)])
            guard let rows = try connection.flush().last else {
                throw PostgreSQLError.unexpectedAnswer
            }
            return try (0..<rows.count).map {
                try PostgreSQLStateReader.entry(rows, $0, stream: stream, [held.id: domain])
            }
        }
    }

    package func acknowledged() async throws -> [String: [StreamName: UInt64]] {
        try await readers.read { try Self.acknowledged($0) }
    }

    static func acknowledged(
        _ connection: PostgreSQLConnection
    ) throws -> [String: [StreamName: UInt64]] {
        try connection.queue(.acknowledged)
        guard let rows = try connection.flush().last else {
            throw PostgreSQLError.unexpectedAnswer
        }
        var positions: [String: [StreamName: UInt64]] = [:]
        for row in 0..<rows.count {
            guard let stream = StreamName(rows.text(row, 1)) else { continue }
            positions[rows.text(row, 0), default: [:]][stream] = try rows.number(row, 2)
        }
        return positions
    }
}

extension PostgreSQLStatement {
    static let readEntries = Self(
        "read_entries",
        """
        SELECT id, epoch, last, domain, key, version, tombstone, value, checksum, written_at
        FROM entries WHERE id > $1 AND id <= $2 AND domain = ANY($3::bigint[])
        ORDER BY id LIMIT $4
        """)
    static let snapshot = Self(
        "snapshot",
        """
        SELECT e.id, e.epoch, e.last, e.domain, e.key, e.version, e.tombstone, e.value,
        e.checksum, e.written_at FROM newest n JOIN entries e ON e.id = n.id
        WHERE n.domain = $1 AND n.key >= $2 AND n.key < $3 AND NOT e.tombstone ORDER BY n.key
        """)
}
