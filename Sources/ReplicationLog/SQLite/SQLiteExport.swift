package import Contracts
import Foundation
import GRDB

extension SQLiteLogEngine {
    package func export(
        after point: ExportPoint, at time: Int64,
        _ take: @escaping @Sendable (BackupPart) throws -> Void
    ) async throws {
        let region = region
        try await read { try Snapshot(db: $0, region: region).export(after: point, at: time, take) }
    }

    /// What one read transaction sees.
    private struct Snapshot: ExportSource {
        let db: Database
        let region: String

        func state() throws -> LogState { try loadState(db, region: region) }

        func chain() throws -> TrailChain { try loadChain(db) }

        func acknowledged() throws -> [String: [StreamName: UInt64]] {
            try SQLiteLogEngine.acknowledged(db)
        }

        func entries(
            of stream: StreamState, after sequence: UInt64, limit: Int
        ) throws -> [(entry: LogEntry, request: String?)] {
            let statement = try db.cachedStatement(
                sql: """
                    SELECT \(entryColumns), request FROM entries WHERE id > ? AND id <= ?
                    ORDER BY id LIMIT ?
                    """)
            let rows = try Row.fetchAll(
                statement,
                arguments: [
                    EntryID.make(stream: stream.id, sequence: sequence),
                    EntryID.make(stream: stream.id, sequence: stream.head), limit,
                ])
            let names = stream.names
            return try rows.map {
                (try SQLiteLogEngine.entry($0, stream: stream.name, names), $0[10] as String?)
            }
        }

        func events(after sequence: UInt64, limit: Int) throws -> [TrailRecordedEvent] {
            try trail(after: sequence, limit: limit, region: region, db)
        }
    }
}
