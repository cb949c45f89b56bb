package import Contracts
import Foundation
import SwiftProtobuf

extension PostgreSQLLogEngine {
    /// Events fetched at once while the whole trail is walked.
    private static let trailPage: Int64 = 1_000

    package func lookUp(_ query: TrailQuery) async throws -> [TrailRecordedEvent] {
        let region = region
        return try await readers.read { connection in
            let (name, value) = Self.attribute(query.attribute)
            let statement = PostgreSQLStatement(
                "look_up_\(name)",
                """
                SELECT \(Self.trailColumns) FROM trail t WHERE sequence < $1 AND event_time >= $2
                AND event_time <= $3 \(Self.condition(name)) ORDER BY sequence DESC LIMIT $4
                """)
            var parameters: [PostgreSQLParameter] = [
                .integer(query.before.map { Int64(clamping: $0) } ?? .max),
                .integer(query.fromMicroseconds ?? .min), .integer(query.toMicroseconds ?? .max),
                .integer(Int64(query.limit)),
            ]
            if let value { parameters.append(value) }
            try connection.queue(statement, parameters)
            return try Self.recorded(connection.flush().last, region: region)
        }
    }

    private static let trailColumns = """
        sequence, event_id, event_time, event, cloudtrail, hash,
        (SELECT p.hash FROM trail p WHERE p.sequence = t.sequence - 1)
        """

    private static func attribute(
        _ attribute: TrailQuery.Attribute
    ) -> (name: String, value: PostgreSQLParameter?) {
        switch attribute {
        case .any: ("any", nil)
        case .eventID(let id): ("event_id", .textBytes(id))
        case .eventName(let name): ("name", .textBytes(name))
        case .readOnly(let flag): ("read_only", .flag(flag))
        case .userName(let name): ("user_name", .textBytes(name))
        case .eventSource(let source): ("source", .textBytes(source))
        case .resourceName(let name): ("resources", .textBytes("\n" + name + "\n"))
        }
    }

    private static func condition(_ name: String) -> String {
        switch name {
        case "any": ""
        case "resources": "AND position($5 IN '\\x0a'::bytea || resources || '\\x0a'::bytea) > 0"
        default: "AND \(name) = $5"
        }
    }

    package func trail(
        after sequence: UInt64, limit: Int
    ) async throws -> [TrailRecordedEvent] {
        let region = region
        return try await readers.read { connection in
            try Self.trail(after: sequence, limit: limit, region: region, connection)
        }
    }

    static func trail(
        after sequence: UInt64, limit: Int, region: String, _ connection: PostgreSQLConnection
    ) throws -> [TrailRecordedEvent] {
        try connection.queue(
            PostgreSQLStatement(
                "trail",
                """
                SELECT \(trailColumns) FROM trail t WHERE sequence > $1
                ORDER BY sequence LIMIT $2
                """), [.integer(Int64(clamping: sequence)), .integer(Int64(limit))])
        return try recorded(connection.flush().last, region: region)
    }

    private static func recorded(
        _ rows: PostgreSQLRows?, region: String
    ) throws -> [TrailRecordedEvent] {
        guard let rows else { throw PostgreSQLError.unexpectedAnswer }
        return try (0..<rows.count).map { row in
            var event = TrailRecordedEvent()
            event.sequence = try rows.number(row, 0)
            event.eventID = rows.text(row, 1)
            event.region = region
            event.eventTimeUs = try rows.integer(row, 2)
            event.event = try TrailEvent(serializedBytes: rows.data(row, 3))
            event.cloudtrailJson = rows.text(row, 4)
            event.hash = rows.data(row, 5)
            event.previousHash = rows.isNull(row, 6) ? Data(count: 32) : rows.data(row, 6)
            return event
        }
    }

    package func verifyTrail(
        against checkpoints: [TrailChain]
    ) async throws -> TrailVerdict {
        try await readers.read { connection in
            try connection.queue(.readHead, [.bytes(Data())])
            guard let head = try connection.flush().last else {
                throw PostgreSQLError.unexpectedAnswer
            }
            let chain = try PostgreSQLHead(head).chain
            var verifier = TrailChainVerifier(checkpoints: checkpoints)
            var after: Int64 = 0
            while !verifier.isBroken {
                try connection.queue(
                    PostgreSQLStatement(
                        "trail_walk",
                        """
                        SELECT sequence, cloudtrail, hash FROM trail WHERE sequence > $1
                        ORDER BY sequence LIMIT $2
                        """), [.integer(after), .integer(Self.trailPage)])
                guard let rows = try connection.flush().last, rows.count > 0 else { break }
                for row in 0..<rows.count {
                    after = try rows.integer(row, 0)
                    verifier.check(
                        sequence: try rows.number(row, 0), cloudTrailJSON: rows.text(row, 1),
                        hash: rows.data(row, 2))
                }
            }
            return verifier.verdict(head: chain)
        }
    }
}
