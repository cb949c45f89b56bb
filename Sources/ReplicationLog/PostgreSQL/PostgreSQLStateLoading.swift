import Contracts
import Foundation

/// Reads the log's state, within the transaction that the session is in.
struct PostgreSQLStateReader {
    /// Entries of other coordinators taken in at once.
    static let chunk = 2_000

    let connection: PostgreSQLConnection
    let region: String

    /// The state that the tables hold. Throws `logMismatch` when it is another Region's.
    func state() throws -> LogState {
        try connection.queue(.metadata)
        try connection.queue(.streams)
        try connection.queue(.domains)
        // What was queued before, such as the transaction's beginning, is answered first.
        let answers = Array(try connection.flush().suffix(3))
        guard answers.count == 3 else { throw PostgreSQLError.unexpectedAnswer }
        let (metadata, streams, domains) = (answers[0], answers[1], answers[2])
        var values: [String: String] = [:]
        for row in 0..<metadata.count { values[metadata.text(row, 0)] = metadata.text(row, 1) }
        var state = LogState(
            region: region, identity: try IdentityFields.identity(values, region: region))
        let domainsByStream = try self.domains(domains)
        for row in 0..<streams.count {
            guard let name = StreamName(streams.text(row, 1)) else { continue }
            var stream = StreamState(name: name, id: try streams.integer(row, 0))
            stream.head = try streams.number(row, 2)
            stream.headEpoch = try streams.number(row, 3)
            stream.compactedThrough = try streams.number(row, 4)
            stream.purgedThrough = try streams.number(row, 5)
            stream.entries = try streams.number(row, 6)
            stream.domains = domainsByStream[stream.id] ?? [:]
            state.streams[name] = stream
        }
        return state
    }

    private func domains(_ rows: PostgreSQLRows) throws -> [Int64: [String: DomainState]] {
        var domains: [Int64: [String: DomainState]] = [:]
        for row in 0..<rows.count {
            var domain = DomainState(id: try rows.integer(row, 0))
            domain.lastSequence = try rows.number(row, 3)
            let liveKeys = try rows.number(row, 4)
            guard let digest = DomainDigest(bytes: rows.data(row, 5), liveKeys: liveKeys) else {
                throw LogError(.storageFailed, "The log's database holds a damaged digest.")
            }
            domain.digest = digest
            domains[try rows.integer(row, 1), default: [:]][rows.text(row, 2)] = domain
        }
        return domains
    }

    /// The answers of the newest appends, found again in the entries.
    func requests(_ state: LogState) throws -> RequestMemory {
        var memory = RequestMemory()
        for stream in state.streams.values {
            let newest = EntryID.make(stream: stream.id, sequence: stream.head)
            let oldest = max(
                newest - Int64(RequestMemory.requestsMax),
                EntryID.make(stream: stream.id, sequence: 0))
            try connection.queue(.requests, [.integer(oldest), .integer(newest)])
            guard let rows = try connection.flush().last else {
                throw PostgreSQLError.unexpectedAnswer
            }
            var found = RequestFinder(stream: stream.name)
            for row in 0..<rows.count {
                found.take(
                    sequence: EntryID.sequence(of: try rows.integer(row, 0)),
                    epoch: try rows.number(row, 1), commit: try rows.number(row, 2),
                    request: rows.isNull(row, 3) ? nil : rows.text(row, 3),
                    writtenAt: try rows.integer(row, 4), into: &memory)
            }
        }
        return memory
    }

    /// Entries of a stream after one sequence and up to another, at most a chunk; checksums are
    /// verified.
    func entries(
        of stream: StreamState, after: UInt64, through: UInt64, _ memory: inout RequestMemory
    ) throws -> [LogEntry] {
        try connection.queue(
            .entriesWithRequests,
            [
                .integer(EntryID.make(stream: stream.id, sequence: after)),
                .integer(EntryID.make(stream: stream.id, sequence: through)),
                .integer(Int64(Self.chunk)),
            ])
        guard let rows = try connection.flush().last else {
            throw PostgreSQLError.unexpectedAnswer
        }
        let names = stream.names
        var found = RequestFinder(stream: stream.name)
        return try (0..<rows.count).map { row in
            let entry = try Self.entry(rows, row, stream: stream.name, names)
            found.take(
                sequence: entry.sequence, epoch: entry.epoch, commit: entry.commit,
                request: rows.isNull(row, 10) ? nil : rows.text(row, 10),
                writtenAt: entry.writtenAtUs, into: &memory)
            return entry
        }
    }

    /// One row of the columns of `entries`, verified.
    static func entry(
        _ rows: PostgreSQLRows, _ row: Int, stream: StreamName, _ names: [Int64: String]
    ) throws -> LogEntry {
        let entry = try unverified(rows, row, stream: stream, names)
        guard entry.isIntact else { throw LogError.damaged(entry, in: stream) }
        return entry
    }

    /// One row of the columns of `entries` as it lies there.
    static func unverified(
        _ rows: PostgreSQLRows, _ row: Int, stream: StreamName, _ names: [Int64: String]
    ) throws(PostgreSQLError) -> LogEntry {
        func number(_ column: Int) throws(PostgreSQLError) -> UInt64 {
            UInt64(bitPattern: try rows.integer(row, column))
        }
        var entry = LogEntry()
        entry.stream = stream.text
        entry.sequence = EntryID.sequence(of: try rows.integer(row, 0))
        entry.epoch = try number(1)
        entry.commit = try number(2)
        entry.domain = names[try rows.integer(row, 3)] ?? ""
        entry.key = rows.text(row, 4)
        entry.version = try number(5)
        entry.tombstone = rows.flag(row, 6)
        entry.value = rows.data(row, 7)
        entry.checksum = try number(8)
        entry.writtenAtUs = try rows.integer(row, 9)
        return entry
    }
}
