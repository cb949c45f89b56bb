package import Contracts

/// An engine that runs `LogTransaction`s on its writer: everything that writes is here once.
package protocol TransactionalLogEngine: LogEngine {
    /// Runs `body` on the writer, in a transaction that it may share with whatever else waits. The
    /// result is durable when this returns.
    ///
    /// `weight` is the memory it holds while it waits, in bytes; `keys` what it will look up.
    func write<R: Sendable>(
        weight: Int, stream: StreamName?, domain: String, keys: [String],
        _ body: @escaping @Sendable (LogTransaction) throws -> R
    ) async throws -> R
}

extension TransactionalLogEngine {
    func write<R: Sendable>(
        weight: Int, _ body: @escaping @Sendable (LogTransaction) throws -> R
    ) async throws -> R {
        try await write(weight: weight, stream: nil, domain: "", keys: [], body)
    }

    package func establish(_ identity: LogIdentity) async throws {
        try await write(weight: 256) { try $0.establish(identity) }
    }

    @discardableResult
    package func amend(
        events: [TrailDraft],
        _ change: @escaping @Sendable (inout LogIdentity, LogState) throws(LogError) -> Void
    ) async throws -> LogIdentity {
        try await write(weight: 256 + events.count * 2_048) {
            try $0.amend(events: events, change)
        }
    }

    package func wipe(events: [TrailDraft]) async throws {
        try await write(weight: 256 + events.count * 2_048) { try $0.wipe(events: events) }
    }

    package func append(_ command: AppendCommand) async throws -> AppendOutcome {
        try AppendRules.check(command)
        let weight =
            command.records.reduce(256) { $0 + $1.key.utf8.count + $1.value.count + 64 }
            + command.events.reduce(0) { $0 + 2 * $1.cloudTrailJSON.utf8.count + 256 }
        return try await write(
            weight: weight, stream: command.stream, domain: command.domain,
            keys: command.records.map(\.key)
        ) { try $0.append(command) }
    }

    package func apply(_ batches: [ValidatedBatch]) async throws -> [LogPosition] {
        guard batches.count > 1 else {
            return batches.isEmpty ? [] : [try await apply(batches[0])]
        }
        let weight = batches.reduce(0) { total, batch in
            batch.batch.entries.reduce(total + 256) { $0 + $1.key.utf8.count + $1.value.count }
        }
        do {
            return try await write(weight: weight) { transaction in
                try batches.map { try transaction.apply($0) }
            }
        } catch let error as LogError where !error.isOfStorage {
            // One of them is refused: those before it are good.
            var positions: [LogPosition] = []
            for batch in batches { positions.append(try await apply(batch)) }
            return positions
        }
    }

    package func apply(_ batch: ValidatedBatch) async throws -> LogPosition {
        let weight = batch.batch.entries.reduce(256) { $0 + $1.key.utf8.count + $1.value.count }
        return try await write(weight: weight) { try $0.apply(batch) }
    }

    package func damaged(
        of stream: StreamName, at sequences: [UInt64]
    ) async throws -> [LogEntry] {
        try await write(weight: 64) { try $0.damaged(of: stream, at: sequences) }
    }

    package func mend(_ entries: [LogEntry]) async throws -> Int {
        let weight = entries.reduce(256) { $0 + $1.key.utf8.count + $1.value.count }
        return try await write(weight: weight) { transaction in
            try entries.count { try transaction.mend($0) }
        }
    }

    package func passOver(_ place: EntryPlace) async throws -> Bool {
        try await write(weight: 64) { try $0.passOver(place) }
    }

    package func cutFork() async throws -> Bool {
        try await write(weight: 64) { try $0.cutFork() }
    }

    package func drop(_ stream: StreamName, isExported: Bool) async throws {
        try await write(weight: 64) { try $0.drop(stream, isExported: isExported) }
    }

    package func acknowledge(
        region: String, positions: [LogPosition], at timeMicroseconds: Int64
    ) async throws {
        try await write(weight: 256) {
            try $0.acknowledge(region: region, positions: positions, at: timeMicroseconds)
        }
    }

    package func forget(region: String) async throws {
        try await write(weight: 64) { try $0.forget(region: region) }
    }

    package func compact(_ request: CompactionRequest) async throws -> CompactionOutcome {
        try await write(weight: 64) { try $0.compact(request) }
    }

    package func record(_ events: [TrailDraft]) async throws {
        let weight = events.reduce(64) { $0 + 2 * $1.cloudTrailJSON.utf8.count + 256 }
        try await write(weight: weight) { try $0.record(events) }
    }
}

extension LogError {
    /// Whether another attempt at a part of the work would end in the same way.
    fileprivate var isOfStorage: Bool {
        switch code {
        case .storageFull, .storageReadOnly, .storageFailed, .busy, .closed: true
        default: false
        }
    }
}
