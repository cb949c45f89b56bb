package import Contracts
import Foundation
import GRDB
import SwiftProtobuf

extension SQLiteLogEngine {
    package func export(
        after point: ExportPoint, at time: Int64,
        _ take: @escaping @Sendable (BackupPart) throws -> Void
    ) async throws {
        let region = region
        try await read { db in
            let state = try Self.loadState(db, region: region)
            let header = state.header(
                after: point, chain: try Self.loadChain(db),
                acknowledged: try Self.acknowledged(db), at: time)
            var part = BackupPart()
            part.header = header
            try take(part)
            var chunk = ExportChunk(take)
            for stream in header.streams {
                guard let name = StreamName(stream.name), let held = state.streams[name] else {
                    continue
                }
                try Self.export(held, after: stream.after, &chunk, db)
            }
            try Self.exportTrail(after: header.trailAfter, region: region, &chunk, db)
            try chunk.send()
        }
    }

    private static func export(
        _ stream: StreamState, after: UInt64, _ chunk: inout ExportChunk, _ db: Database
    ) throws {
        let names = try domainNames(of: stream.id, db)
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT id, epoch, last, domain, key, version, tombstone, value, checksum,
                written_at, request FROM entries WHERE id > ? AND id <= ? ORDER BY id
                """,
            arguments: [
                EntryID.make(stream: stream.id, sequence: after),
                EntryID.make(stream: stream.id, sequence: stream.head),
            ])
        while let row = try rows.next() {
            try chunk.add(
                try entry(row, stream: stream.name, names), request: row[10] as String?)
        }
    }

    private static func exportTrail(
        after sequence: UInt64, region: String, _ chunk: inout ExportChunk, _ db: Database
    ) throws {
        var after = sequence
        while true {
            let rows = try Row.fetchAll(
                db, sql: "SELECT * FROM trail WHERE sequence > ? ORDER BY sequence LIMIT 1000",
                arguments: [Int64(clamping: after)])
            for event in try recorded(rows, region: region, db) {
                try chunk.add(event)
                after = event.sequence
            }
            if rows.count < 1_000 { return }
        }
    }
}
