package import Contracts
import Foundation

extension PostgreSQLLogEngine {
    package func export(
        after point: ExportPoint, at time: Int64,
        _ take: @escaping @Sendable (BackupPart) throws -> Void
    ) async throws {
        let region = region
        // One transaction reads all of it: what the server's snapshot of that moment holds.
        try await readers.readAtLength {
            try Snapshot(connection: $0, region: region).export(after: point, at: time, take)
        }
    }

    /// What one read transaction sees.
    private struct Snapshot: ExportSource {
        let connection: PostgreSQLConnection
        let region: String

        func state() throws -> LogState {
            try PostgreSQLStateReader(connection: connection, region: region).state()
        }

        func chain() throws -> TrailChain {
            try PostgreSQLHead(rows(.readHead, [.bytes(Data())])).chain
        }

        func acknowledged() throws -> [String: [StreamName: UInt64]] {
            try PostgreSQLLogEngine.acknowledged(connection)
        }

        func entries(
            of stream: StreamState, after sequence: UInt64, limit: Int
        ) throws -> [(entry: LogEntry, request: String?)] {
            let rows = try rows(
                .entriesWithRequests,
                [
                    .integer(EntryID.make(stream: stream.id, sequence: sequence)),
                    .integer(EntryID.make(stream: stream.id, sequence: stream.head)),
                    .integer(Int64(limit)),
                ])
            let names = stream.names
            return try (0..<rows.count).map { row in
                let entry = try PostgreSQLStateReader.entry(rows, row, stream: stream.name, names)
                return (entry, rows.isNull(row, 10) ? nil : rows.text(row, 10))
            }
        }

        func events(after sequence: UInt64, limit: Int) throws -> [TrailRecordedEvent] {
            try trail(after: sequence, limit: limit, region: region, connection)
        }

        private func rows(
            _ statement: PostgreSQLStatement, _ parameters: [PostgreSQLParameter]
        ) throws -> PostgreSQLRows {
            try connection.queue(statement, parameters)
            guard let rows = try connection.flush().last else {
                throw PostgreSQLError.unexpectedAnswer
            }
            return rows
        }
    }
}
