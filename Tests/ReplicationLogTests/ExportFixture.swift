import Contracts
import ReplicationLog
import Synchronization
import Testing

/// Exports of a log as parts, and logs that are filled from them.
enum ExportFixture {
    private final class Parts: Sendable {
        private let storage = Mutex<[BackupPart]>([])
        func add(_ part: BackupPart) { storage.withLock { $0.append(part) } }
        var all: [BackupPart] { storage.withLock { $0 } }
    }

    static func export(
        _ engine: any LogEngine, after point: ExportPoint = ExportPoint()
    ) async throws -> [BackupPart] {
        let parts = Parts()
        try await engine.export(after: point, at: Sample.now) { parts.add($0) }
        return parts.all
    }

    /// Where the next export goes on.
    static func point(after file: [BackupPart]) -> ExportPoint {
        var point = ExportPoint()
        guard case .header(let header) = file.first?.kind else { return point }
        for stream in header.streams {
            if let name = StreamName(stream.name) { point.heads[name] = stream.head }
        }
        point.trailSequence = header.trailSequence
        point.identity = header.identity
        return point
    }

    /// Fills an empty log, to the end or to a moment.
    static func fill(
        _ engine: any LogEngine, _ files: [[BackupPart]], to cuts: [StreamCut] = []
    ) async throws {
        let engine = try #require(engine as? any TransactionalLogEngine)
        for file in files {
            for part in file { try await take(part, engine) }
            guard case .header(let header) = file.first?.kind else { continue }
            try await work(engine) { try $0.endImport(header) }
        }
        for cut in cuts {
            while try await !work(engine, { try $0.takeBack(beyond: cut) }) {}
        }
        guard case .header(let header) = files.last?.first?.kind,
            let identity = try header.logIdentity()
        else { return }
        try await work(engine) { try $0.adopt(identity) }
    }

    static func take(_ part: BackupPart, _ engine: any TransactionalLogEngine) async throws {
        switch part.kind {
        case .header(let header): try await work(engine) { try $0.beginImport(header) }
        case .entries(let entries): try await work(engine) { try $0.importEntries(entries) }
        case .trail(let events): try await work(engine) { try $0.importTrail(events) }
        default: break
        }
    }

    static func work<R: Sendable>(
        _ engine: any TransactionalLogEngine,
        _ body: @escaping @Sendable (LogTransaction) throws -> R
    ) async throws -> R {
        try await engine.write(weight: 1, stream: nil, domain: "", keys: [], body)
    }
}
