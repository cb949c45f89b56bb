package import Contracts
import GRDB

extension SQLiteLogEngine {
    package func establish(_ identity: LogIdentity) async throws {
        guard identity.region == region else {
            throw LogError(.logMismatch, "The identity names another Region.")
        }
        try await write(weight: 256) { transaction in
            let held = transaction.state.identity
            if let held, held.logID != identity.logID {
                throw LogError(.logMismatch, "This Region holds another log.")
            }
            if let held, identity.epoch < held.epoch {
                throw LogError(
                    .epochStale, "Epoch \(identity.epoch) is over: \(held.epoch) is known here.")
            }
            transaction.noteWrite()
            try Self.save(identity, region: self.region, transaction.db)
            transaction.setIdentity(identity)
        }
    }

    package func wipe(events: [TrailDraft]) async throws {
        try await write(weight: 256 + events.count * 2_048) { transaction in
            transaction.noteWrite()
            for table in [
                "entries", "newest", "superseded", "tombstones", "domains", "streams",
                "acknowledgements",
            ] {
                try transaction.db.execute(sql: "DELETE FROM \(table)")
            }
            try Self.save(nil, region: self.region, transaction.db)
            transaction.setIdentity(nil)
            transaction.removeAllStreams()
            transaction.forgetsRequests = true
            try self.record(events, transaction)
        }
    }

    package func drop(_ stream: StreamName) async throws {
        try await write(weight: 64) { transaction in
            let state = transaction.state
            guard state.gate.writer(of: stream) != self.region else {
                throw LogError(.wrongWriter, "\(stream) is written here and cannot be dropped.")
            }
            guard let held = state.streams[stream] else { return }
            let range = EntryID.range(stream: held.id, after: 0)
            for (table, column) in [
                ("entries", "id"), ("superseded", "by_id"), ("tombstones", "id"),
            ] {
                try transaction.db.execute(
                    sql: "DELETE FROM \(table) WHERE \(column) BETWEEN ? AND ?",
                    arguments: [range.lowerBound, range.upperBound])
            }
            for domain in held.domains.values {
                try transaction.db.execute(
                    sql: "DELETE FROM newest WHERE domain = ?", arguments: [domain.id])
            }
            try transaction.db.execute(
                sql: "DELETE FROM domains WHERE stream = ?", arguments: [held.id])
            try transaction.db.execute(
                sql: "DELETE FROM streams WHERE id = ?", arguments: [held.id])
            transaction.remove(stream)
        }
    }

    package func acknowledge(
        region: String, positions: [LogPosition], at timeMicroseconds: Int64
    ) async throws {
        try await write(weight: 256) { transaction in
            transaction.noteWrite()
            for position in positions.prefix(64) {
                try transaction.db.execute(
                    sql: """
                        INSERT INTO acknowledgements VALUES (?, ?, ?, ?)
                        ON CONFLICT DO UPDATE SET
                        sequence = excluded.sequence, seen_at = excluded.seen_at
                        """,
                    arguments: [
                        region, position.stream, Int64(clamping: position.sequence),
                        timeMicroseconds,
                    ])
            }
        }
    }

    package func acknowledged() async throws -> [String: [StreamName: UInt64]] {
        try await read { db in
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

    package func forget(region: String) async throws {
        try await write(weight: 64) { transaction in
            transaction.noteWrite()
            try transaction.db.execute(
                sql: "DELETE FROM acknowledgements WHERE region = ?", arguments: [region])
        }
    }
}
