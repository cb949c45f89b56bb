package import Contracts
import Foundation

extension PostgreSQLLogEngine {
    package func export(
        after point: ExportPoint, at time: Int64,
        _ take: @escaping @Sendable (BackupPart) throws -> Void
    ) async throws {
        let region = region
        // One transaction reads all of it: what the server's snapshot of that moment holds.
        try await readers.readAtLength { connection in
            try connection.queue(.readHead, [.bytes(Data())])
            guard let rows = try connection.flush().last else {
                throw PostgreSQLError.unexpectedAnswer
            }
            let reader = PostgreSQLStateReader(connection: connection, region: region)
            let state = try reader.state()
            let header = state.header(
                after: point, chain: try PostgreSQLHead(rows).chain,
                acknowledged: try Self.acknowledged(connection), at: time)
            var part = BackupPart()
            part.header = header
            try take(part)
            var chunk = ExportChunk(take)
            for stream in header.streams {
                guard let name = StreamName(stream.name), let held = state.streams[name] else {
                    continue
                }
                try Self.export(held, after: stream.after, &chunk, connection)
            }
            try Self.exportTrail(after: header.trailAfter, region: region, &chunk, connection)
            try chunk.send()
        }
    }

    private static func export(
        _ stream: StreamState, after: UInt64, _ chunk: inout ExportChunk,
        _ connection: PostgreSQLConnection
    ) throws {
        let names = Dictionary(
            stream.domains.map { ($0.value.id, $0.key) }, uniquingKeysWith: { first, _ in first })
        var id = EntryID.make(stream: stream.id, sequence: after)
        while true {
            try connection.queue(
                .entriesWithRequests,
                [
                    .integer(id),
                    .integer(EntryID.make(stream: stream.id, sequence: stream.head)),
                    .integer(256),
                ])
            guard let rows = try connection.flush().last else {
                throw PostgreSQLError.unexpectedAnswer
            }
            for row in 0..<rows.count {
                let entry = try PostgreSQLStateReader.entry(
                    rows, row, stream: stream.name, names)
                try chunk.add(entry, request: rows.isNull(row, 10) ? nil : rows.text(row, 10))
                id = try rows.integer(row, 0)
            }
            if rows.count < 256 { return }
        }
    }

    private static func exportTrail(
        after sequence: UInt64, region: String, _ chunk: inout ExportChunk,
        _ connection: PostgreSQLConnection
    ) throws {
        var after = sequence
        while true {
            let events = try trail(after: after, limit: 500, region: region, connection)
            for event in events {
                try chunk.add(event)
                after = event.sequence
            }
            if events.count < 500 { return }
        }
    }
}
