import GRDB

extension SQLiteLogEngine {
    package func compact(_ request: CompactionRequest) async throws -> CompactionOutcome {
        try await write(weight: 64) { transaction in
            guard let stream = transaction.state.streams[request.stream] else {
                return CompactionOutcome(removed: 0, hasMore: false)
            }
            let end = EntryID.make(
                stream: stream.id, sequence: min(request.through, stream.head))
            let begin = EntryID.make(stream: stream.id, sequence: 0)
            let superseded = try Self.superseded(in: begin...end, limit: request.limit, transaction)
            var tombstones: [Int64] = []
            let room = request.limit - superseded.count
            // A tombstone goes only after all that it superseded has gone.
            if room > 0, let horizon = request.tombstonesBeforeMicroseconds {
                tombstones = try Int64.fetchAll(
                    transaction.db,
                    sql: """
                        SELECT id FROM tombstones
                        WHERE id > ? AND id <= ? AND written_at < ? ORDER BY id LIMIT ?
                        """, arguments: [begin, end, horizon, room])
            }
            let removed = superseded.count + tombstones.count
            guard removed > 0 else { return CompactionOutcome(removed: 0, hasMore: false) }
            transaction.noteWrite()
            try Self.remove(superseded: superseded, tombstones: tombstones, transaction.db)
            try transaction.withStream(request.stream) { stream in
                stream.entries -= UInt64(removed)
                let last = (superseded.map(\.id) + tombstones).max() ?? 0
                stream.compactedThrough = max(
                    stream.compactedThrough, EntryID.sequence(of: last))
                if let last = tombstones.last {
                    stream.purgedThrough = max(stream.purgedThrough, EntryID.sequence(of: last))
                }
            }
            return CompactionOutcome(removed: removed, hasMore: removed == request.limit)
        }
    }

    private static func superseded(
        in range: ClosedRange<Int64>, limit: Int, _ transaction: SQLiteTransaction
    ) throws -> [(by: Int64, id: Int64)] {
        try Row.fetchAll(
            transaction.db,
            sql: """
                SELECT by_id, id FROM superseded WHERE by_id > ? AND by_id <= ?
                ORDER BY by_id LIMIT ?
                """, arguments: [range.lowerBound, range.upperBound, limit]
        ).map { ($0[0], $0[1]) }
    }

    private static func remove(
        superseded: [(by: Int64, id: Int64)], tombstones: [Int64], _ db: Database
    ) throws {
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
}
