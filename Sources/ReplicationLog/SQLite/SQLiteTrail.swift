package import Contracts
import Foundation
import GRDB
import SwiftProtobuf

extension SQLiteLogEngine {
    package func lookUp(_ query: TrailQuery) async throws -> [TrailRecordedEvent] {
        let region = region
        return try await read { db in
            let (condition, value) = Self.condition(of: query.attribute)
            let before = query.before.map { Int64(clamping: $0) } ?? Int64.max
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM trail WHERE sequence < :before
                    AND event_time >= :from AND event_time <= :to \(condition)
                    ORDER BY sequence DESC LIMIT :limit
                    """,
                arguments: [
                    "before": before, "from": query.fromMicroseconds ?? Int64.min,
                    "to": query.toMicroseconds ?? Int64.max, "limit": query.limit,
                ] + value)
            return try Self.recorded(rows, region: region, db)
        }
    }

    private static func condition(
        of attribute: TrailQuery.Attribute
    ) -> (sql: String, arguments: StatementArguments) {
        switch attribute {
        case .any: ("", [:])
        case .eventID(let id): ("AND event_id = :value", ["value": id])
        case .eventName(let name): ("AND name = :value", ["value": name])
        case .readOnly(let flag): ("AND read_only = :value", ["value": flag])
        case .userName(let name): ("AND user_name = :value", ["value": name])
        case .eventSource(let source): ("AND source = :value", ["value": source])
        case .resourceName(let name):
            (
                "AND instr(char(10) || resources || char(10), char(10) || :value || char(10)) > 0",
                ["value": name]
            )
        }
    }

    package func trail(
        after sequence: UInt64, limit: Int
    ) async throws -> [TrailRecordedEvent] {
        let region = region
        return try await read { try Self.trail(after: sequence, limit: limit, region: region, $0) }
    }

    static func trail(
        after sequence: UInt64, limit: Int, region: String, _ db: Database
    ) throws -> [TrailRecordedEvent] {
        let rows = try Row.fetchAll(
            db, sql: "SELECT * FROM trail WHERE sequence > ? ORDER BY sequence LIMIT ?",
            arguments: [Int64(clamping: sequence), limit])
        return try recorded(rows, region: region, db)
    }

    static func recorded(
        _ rows: [Row], region: String, _ db: Database
    ) throws -> [TrailRecordedEvent] {
        let previous = try db.cachedStatement(sql: "SELECT hash FROM trail WHERE sequence = ?")
        return try rows.map { row in
            let sequence: Int64 = row["sequence"]
            let hash = try Data.fetchOne(previous, arguments: [sequence - 1])
            return try TrailRecordedEvent.with {
                $0.sequence = UInt64(sequence)
                $0.eventID = row["event_id"]
                $0.region = region
                $0.eventTimeUs = row["event_time"]
                $0.event = try TrailEvent(serializedBytes: row["event"] as Data)
                $0.cloudtrailJson = row["cloudtrail"]
                $0.hash = row["hash"]
                $0.previousHash = hash ?? Data(count: 32)
            }
        }
    }

    package func verifyTrail(
        against checkpoints: [TrailChain]
    ) async throws -> TrailVerdict {
        try await read { db in
            let head = try Self.loadChain(db)
            var verifier = TrailChainVerifier(checkpoints: checkpoints)
            let rows = try Row.fetchCursor(
                db, sql: "SELECT sequence, cloudtrail, hash FROM trail ORDER BY sequence")
            while let row = try rows.next(), !verifier.isBroken {
                verifier.check(
                    sequence: UInt64(row[0] as Int64), cloudTrailJSON: row[1], hash: row[2])
            }
            return verifier.verdict(head: head)
        }
    }
}
