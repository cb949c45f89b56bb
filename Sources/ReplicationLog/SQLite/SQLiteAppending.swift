package import Contracts
import GRDB

extension SQLiteLogEngine {
    package func append(_ command: AppendCommand) async throws -> AppendOutcome {
        try AppendRules.check(command.records, domain: command.domain)
        guard command.events.count <= AppendRules.eventsMax,
            command.requestID.utf8.count <= AppendRules.requestIDBytesMax
        else {
            throw LogError(.invalidRecord, "The append has too many events or a long request ID.")
        }
        let weight =
            command.records.reduce(256) { $0 + $1.key.utf8.count + $1.value.count + 64 }
            + command.events.reduce(0) { $0 + 2 * $1.cloudTrailJSON.utf8.count + 256 }
        return try await write(weight: weight) { transaction in
            try self.append(command, transaction)
        }
    }

    private func append(
        _ command: AppendCommand, _ transaction: SQLiteTransaction
    ) throws -> AppendOutcome {
        if !command.requestID.isEmpty,
            let known = transaction.requests[command.requestID] ?? remembered(command.requestID)
        {
            return known
        }
        let epoch = try transaction.state.gate.admitAppend(to: command.stream)
        let held = transaction.state.streams[command.stream]
        let last = held?.domains[command.domain]?.lastSequence ?? 0
        if let expected = command.expectedDomainSequence, expected != last {
            throw LogError(
                .domainAdvanced,
                "The domain \(command.domain) stands at \(last), not at \(expected).",
                domainSequence: last)
        }
        let previous = try previousEntries(
            of: command, domain: held?.domains[command.domain], transaction)
        let outcome = try transaction.withStream(command.stream) { stream in
            try store(command, epoch: epoch, previous: previous, in: &stream, transaction)
        }
        try record(command.events, transaction)
        if !command.requestID.isEmpty { transaction.requests[command.requestID] = outcome }
        return outcome
    }

    /// What each record replaces. Refuses a version that does not go up.
    private func previousEntries(
        of command: AppendCommand, domain: DomainState?, _ transaction: SQLiteTransaction
    ) throws -> [NewestEntry?] {
        guard let domain else { return Array(repeating: nil, count: command.records.count) }
        return try command.records.enumerated().map { index, record in
            let previous = try transaction.newest(domain: domain.id, key: record.key)
            if let previous, !previous.tombstone, record.version <= previous.version {
                throw LogError(
                    .invalidRecord,
                    "Record \(index) has version \(record.version); the key has already had "
                        + "\(previous.version).")
            }
            return previous
        }
    }

    private func store(
        _ command: AppendCommand, epoch: UInt64, previous: [NewestEntry?],
        in stream: inout StreamState, _ transaction: SQLiteTransaction
    ) throws -> AppendOutcome {
        let first = stream.head + 1
        let commit = stream.head + UInt64(command.records.count)
        guard commit < 1 << 47 else {
            throw LogError(.storageFailed, "The stream has used up its sequences.")
        }
        if !command.records.isEmpty {
            var domain = try transaction.domain(command.domain, in: &stream)
            for (index, record) in command.records.enumerated() {
                let entry = Self.entry(
                    record, command, sequence: first + UInt64(index), commit: commit, epoch: epoch)
                let isLast = index == command.records.count - 1
                try transaction.store(
                    entry, previous: previous[index],
                    request: isLast && !command.requestID.isEmpty ? command.requestID : nil,
                    in: &stream, domain: &domain)
            }
            stream.domains[command.domain] = domain
        }
        return AppendOutcome(
            position: stream.position, firstSequence: first,
            writtenAtMicroseconds: command.writtenAtMicroseconds)
    }

    private static func entry(
        _ record: LogRecord, _ command: AppendCommand, sequence: UInt64, commit: UInt64,
        epoch: UInt64
    ) -> LogEntry {
        var entry = LogEntry()
        entry.stream = command.stream.text
        entry.sequence = sequence
        entry.epoch = epoch
        entry.commit = commit
        entry.domain = command.domain
        entry.key = record.key
        entry.version = record.version
        entry.tombstone = record.tombstone
        entry.value = record.value
        entry.writtenAtUs = command.writtenAtMicroseconds
        entry.checksum = entry.computedChecksum
        return entry
    }

    package func apply(_ batch: ValidatedBatch) async throws -> LogPosition {
        let weight = batch.batch.entries.reduce(256) { $0 + $1.key.utf8.count + $1.value.count }
        return try await write(weight: weight) { transaction in
            let news = try batch.news(for: transaction.state)
            let through = batch.batch.through
            let head = transaction.state.streams[batch.stream]?.head ?? 0
            guard through.sequence > head else {
                return transaction.state.position(of: batch.stream)
            }
            return try transaction.withStream(batch.stream) { stream in
                try self.store(news, in: &stream, transaction)
                transaction.noteWrite()
                stream.head = through.sequence
                stream.headEpoch = max(stream.headEpoch, through.epoch)
                stream.compactedThrough = max(
                    stream.compactedThrough, min(batch.batch.compactedThrough, stream.head))
                return stream.position
            }
        }
    }

    private func store(
        _ news: ArraySlice<LogEntry>, in stream: inout StreamState,
        _ transaction: SQLiteTransaction
    ) throws {
        for entry in news {
            var domain = try transaction.domain(entry.domain, in: &stream)
            let previous = try transaction.newest(domain: domain.id, key: entry.key)
            try transaction.store(
                entry, previous: previous, request: nil, in: &stream, domain: &domain)
            stream.domains[entry.domain] = domain
        }
    }
}
