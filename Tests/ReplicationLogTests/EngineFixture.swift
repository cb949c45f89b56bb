import Contracts
import Foundation
import GRDB
import Simulation
import SwiftProtobuf

@testable import ReplicationLog

/// The engines that the conformance suite runs on: all that this machine has.
enum EngineKind: String, CaseIterable, Sendable, CustomStringConvertible {
    case sqlite, postgresql
    /// The storage of the simulation, which has to keep the same promises.
    case memory

    static let allCases: [EngineKind] =
        PostgreSQLServer.isInstalled ? [.sqlite, .postgresql, .memory] : [.sqlite, .memory]

    var description: String { rawValue }
}

/// A place for one test's log, and the engine in it. Removed at the end.
final class EngineFixture: Sendable {
    let kind: EngineKind
    let directory: URL
    let schema: String
    private let memory = MemoryLogEngine.Storage()

    init(_ kind: EngineKind) throws {
        self.kind = kind
        let name = UUID().uuidString
        directory = FileManager.default.temporaryDirectory.appending(path: "portolan-log-\(name)")
        schema = "t_" + name.lowercased().replacingOccurrences(of: "-", with: "")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    var path: String { directory.appending(path: "log.sqlite").path }

    /// Opens (again) the log of a Region.
    func open(_ region: String = Sample.primary) throws -> any LogEngine {
        switch kind {
        case .sqlite: try SQLiteLogEngine(path: path, region: region)
        case .postgresql: try openPostgreSQL(region)
        case .memory: try MemoryLogEngine(memory, region: region)
        }
    }

    func openPostgreSQL(_ region: String = Sample.primary) throws -> PostgreSQLLogEngine {
        guard let server = PostgreSQLServer.shared else {
            throw PostgreSQLServer.Failure(step: "start")
        }
        return try PostgreSQLLogEngine(server.settings(schema: schema), region: region)
    }

    /// Spoils the value of an entry where it lies.
    func spoil(_ sequence: UInt64, of stream: StreamName = .control, in engine: any LogEngine)
        async throws
    {
        let place = EntryPlace(stream: stream, sequence: sequence)
        switch engine {
        case let engine as SQLiteLogEngine:
            try await engine.pool.write {
                try $0.execute(
                    sql: """
                        UPDATE entries SET value = CAST('spoiled' AS BLOB)
                        WHERE id = (SELECT id FROM streams WHERE name = ?) << 47 | ?
                        """, arguments: [stream.text, Int64(sequence)])
            }
        case let engine as MemoryLogEngine: engine.spoil(place)
        default:
            guard let server = PostgreSQLServer.shared else { return }
            try server.run(
                sql: """
                    UPDATE \(schema).entries SET value = 'spoiled' WHERE id =
                    (SELECT id FROM \(schema).streams WHERE name = '\(stream.text)') << 47
                    | \(sequence)
                    """)
        }
    }

    /// An engine that is primary of the sample log.
    func primary() async throws -> any LogEngine {
        let engine = try open()
        try await engine.establish(Sample.identity())
        return engine
    }
}

/// Values that tests share.
enum Sample {
    static let primary = "eu-central-1"
    static let replica = "eu-west-1"
    static let logID = "11111111-1111-4111-8111-111111111111"
    static let now: Int64 = 1_790_000_000_000_000

    static func identity(
        region: String = primary, primary: String = primary, epoch: UInt64 = 1,
        mayWriteOwnStream: Bool = true, logID: String = logID
    ) -> LogIdentity {
        LogIdentity(
            logID: logID, region: region, primaryRegion: primary, epoch: epoch,
            mayWriteOwnStream: mayWriteOwnStream)
    }

    static func record(_ key: String, _ version: UInt64 = 1, _ value: String = "v") -> LogRecord {
        .with {
            $0.key = key
            $0.version = version
            $0.value = Data(value.utf8)
        }
    }

    static func tombstone(_ key: String, _ version: UInt64) -> LogRecord {
        .with {
            $0.key = key
            $0.version = version
            $0.tombstone = true
        }
    }

    static func append(
        _ records: [LogRecord], expected: UInt64? = nil, stream: StreamName = .control,
        domain: String = "directory", requestID: String = "", events: [TrailDraft] = [],
        at time: Int64 = now
    ) -> AppendCommand {
        AppendCommand(
            stream: stream, domain: domain, expectedDomainSequence: expected, records: records,
            events: events, requestID: requestID, writtenAtMicroseconds: time)
    }

    static func event(_ name: String, user: String = "alice", at time: Int64 = now) -> TrailDraft {
        let id = UUID().uuidString
        return TrailDraft(
            eventID: id, eventTimeMicroseconds: time,
            event: .with {
                $0.eventName = name
                $0.eventSource = "sso.amazonaws.com"
                $0.actor.userName = user
                $0.resources = [.with { $0.arn = "arn:aws:sso:::instance/\(name)" }]
            },
            cloudTrailJSON: #"{"eventID":"\#(id)","eventName":"\#(name)"}"#)
    }
}

extension LogEngine {
    /// What a subscriber would be sent, as it would arrive.
    func batch(
        of stream: StreamName = .control, after: UInt64, sender: String = Sample.primary,
        entriesMax: Int = 2_000
    ) async throws -> ReceivedBatch {
        let result = try await read(
            ReadQuery(stream: stream, after: after, entriesMax: entriesMax))
        return ReceivedBatch(
            sender: sender, logID: state.identity?.logID ?? "", stream: stream.text,
            entries: result.entries, after: after, through: result.through,
            compactedThrough: result.compactedThrough, purgedThrough: result.purgedThrough)
    }
}

extension ReceivedBatch {
    /// The same batch with something changed.
    func with(
        sender: String? = nil, entries: [LogEntry]? = nil, after: UInt64? = nil,
        through: LogPosition? = nil, compactedThrough: UInt64? = nil,
        purgedThrough: UInt64? = nil, logID: String? = nil
    ) -> ReceivedBatch {
        ReceivedBatch(
            sender: sender ?? self.sender, logID: logID ?? self.logID, stream: stream,
            entries: entries ?? self.entries, after: after ?? self.after,
            through: through ?? self.through,
            compactedThrough: compactedThrough ?? self.compactedThrough,
            purgedThrough: purgedThrough ?? self.purgedThrough)
    }
}
