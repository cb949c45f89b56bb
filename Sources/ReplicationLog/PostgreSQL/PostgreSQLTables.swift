import Contracts
import Foundation
import SwiftProtobuf

/// The log's tables within one transaction on the writer's session.
///
/// Writes are gathered and sent together with the commit; newest entries are fetched once for a
/// whole group and then kept up to date here.
final class PostgreSQLTables: LogTables {
    private struct Slot: Hashable {
        let domain: Int64
        let key: String
    }

    private let connection: PostgreSQLConnection
    private let region: String
    private(set) var nextStream: Int64
    private(set) var nextDomain: Int64
    private var held: [Slot: NewestEntry?] = [:]
    private var rows: [EntryRow] = []

    init(
        _ connection: PostgreSQLConnection, region: String, nextStream: Int64, nextDomain: Int64
    ) {
        self.connection = connection
        self.region = region
        self.nextStream = nextStream
        self.nextDomain = nextDomain
    }

    func makeStream(_ name: StreamName) throws -> Int64 {
        let id = nextStream
        // EntryID leaves 16 bits for streams; each full copy of a stream takes one.
        guard id < 1 << 16 else { throw PostgreSQLError.unexpectedAnswer }
        nextStream += 1
        try connection.queue(.insertStream, [.integer(id), .text(name.text)])
        return id
    }

    func makeDomain(_ name: String, stream: Int64) throws -> Int64 {
        let id = nextDomain
        nextDomain += 1
        try connection.queue(
            .insertDomain,
            [.integer(id), .integer(stream), .textBytes(name), .bytes(DomainDigest().bytes)])
        return id
    }

    // MARK: - Newest entries

    func prefetch(domain: Int64, keys: [String]) throws {
        let missing = Set(keys).filter { held[Slot(domain: domain, key: $0)] == nil }
        guard !missing.isEmpty else { return }
        try queueNewest(domain: domain, keys: Array(missing))
        guard let rows = try connection.flush().last else {
            throw PostgreSQLError.unexpectedAnswer
        }
        try take(rows, domain: domain, keys: Array(missing))
    }

    func queueNewest(domain: Int64, keys: [String]) throws(PostgreSQLError) {
        try connection.queue(
            .newest, [.integer(domain), .byteStrings(keys.map { Data($0.utf8) })])
    }

    func take(
        _ rows: PostgreSQLRows, domain: Int64, keys: [String]
    ) throws(PostgreSQLError) {
        for key in keys { held[Slot(domain: domain, key: key)] = .some(nil) }
        for row in 0..<rows.count {
            var entry = LogEntry()
            entry.key = rows.text(row, 0)
            entry.epoch = try rows.number(row, 2)
            entry.commit = try rows.number(row, 3)
            entry.version = try rows.number(row, 4)
            entry.tombstone = rows.flag(row, 5)
            entry.value = rows.data(row, 6)
            entry.checksum = UInt64(bitPattern: try rows.integer(row, 7))
            entry.writtenAtUs = try rows.integer(row, 8)
            held[Slot(domain: domain, key: entry.key)] = NewestEntry(
                id: try rows.integer(row, 1), entry)
        }
    }

    func newest(domain: Int64, keys: [String]) throws -> [NewestEntry?] {
        try prefetch(domain: domain, keys: keys)
        return keys.map { held[Slot(domain: domain, key: $0)] ?? nil }
    }

    // MARK: - Entries

    func insert(_ row: EntryRow) throws {
        let entry = row.entry
        held[Slot(domain: row.domain, key: entry.key)] = NewestEntry(id: row.id, entry)
        rows.append(row)
    }

    /// Queues the entries gathered so far.
    func send() throws(PostgreSQLError) {
        guard !rows.isEmpty else { return }
        defer { rows.removeAll() }
        try connection.queue(
            .insertEntries,
            [
                .integers(rows.map(\.id)), .integers(rows.map { Int64($0.entry.epoch) }),
                .integers(rows.map { Int64($0.entry.commit) }), .integers(rows.map(\.domain)),
                .byteStrings(rows.map { Data($0.entry.key.utf8) }),
                .integers(rows.map { Int64($0.entry.version) }),
                .flags(rows.map(\.entry.tombstone)), .byteStrings(rows.map(\.entry.value)),
                .integers(rows.map { Int64(bitPattern: $0.entry.checksum) }),
                .integers(rows.map(\.entry.writtenAtUs)),
                .byteStrings(rows.map { $0.request.map { Data($0.utf8) } }),
            ])
        var newest: [Slot: Int64] = [:]
        for row in rows { newest[Slot(domain: row.domain, key: row.entry.key)] = row.id }
        let slots = Array(newest)
        try connection.queue(
            .upsertNewest,
            [
                .integers(slots.map(\.key.domain)),
                .byteStrings(slots.map { Data($0.key.key.utf8) }), .integers(slots.map(\.value)),
            ])
        try sendSuperseded()
    }

    private func sendSuperseded() throws(PostgreSQLError) {
        let tombstones = rows.filter(\.entry.tombstone)
        if !tombstones.isEmpty {
            try connection.queue(
                .insertTombstones,
                [
                    .integers(tombstones.map(\.id)),
                    .integers(tombstones.map(\.entry.writtenAtUs)),
                ])
        }
        let pairs = rows.compactMap { row in row.previous.map { (row.id, $0) } }
        guard !pairs.isEmpty else { return }
        try connection.queue(
            .insertSuperseded,
            [.integers(pairs.map(\.0)), .integers(pairs.map(\.1.id))])
        let gone = pairs.map(\.1).filter(\.tombstone).map(\.id)
        if !gone.isEmpty { try connection.queue(.deleteTombstones, [.integers(gone)]) }
    }

    func entry(_ id: Int64, in stream: StreamState) throws -> LogEntry? {
        let rows = try rows(.entry, [.integer(id)])
        guard rows.count == 1 else { return nil }
        return try PostgreSQLStateReader.unverified(rows, 0, stream: stream.name, stream.names)
    }

    func replace(_ id: Int64, domain: Int64, by entry: LogEntry) throws {
        held[Slot(domain: domain, key: entry.key)] = nil
        try connection.queue(
            .replaceEntry,
            [
                .integer(Int64(entry.epoch)), .integer(Int64(entry.commit)), .integer(domain),
                .textBytes(entry.key), .integer(Int64(entry.version)), .flag(entry.tombstone),
                .bytes(entry.value), .integer(Int64(bitPattern: entry.checksum)),
                .integer(entry.writtenAtUs), .integer(id),
            ])
    }

    private func rows(
        _ statement: PostgreSQLStatement, _ parameters: [PostgreSQLParameter]
    ) throws -> PostgreSQLRows {
        try send()
        try connection.queue(statement, parameters)
        guard let rows = try connection.flush().last else {
            throw PostgreSQLError.unexpectedAnswer
        }
        return rows
    }

    func superseding(_ id: Int64, in stream: StreamState) throws -> SupersededEntry? {
        let rows = try rows(
            .superseding,
            [.integer(id), .integer(EntryID.make(stream: stream.id, sequence: stream.head))])
        return rows.count == 0 ? nil : SupersededEntry(by: try rows.integer(0, 0), id: id)
    }

    func superseded(by id: Int64) throws -> SupersededEntry? {
        let rows = try rows(.supersededBy, [.integer(id)])
        return rows.count == 0 ? nil : SupersededEntry(by: id, id: try rows.integer(0, 0))
    }

    func last(_ limit: Int, of stream: StreamState, after sequence: UInt64) throws -> [LogEntry] {
        let range = EntryID.range(stream: stream.id, after: sequence)
        let rows = try rows(
            .lastEntries,
            [.integer(range.lowerBound), .integer(range.upperBound), .integer(Int64(limit))])
        return try (0..<rows.count).map {
            try PostgreSQLStateReader.unverified(rows, $0, stream: stream.name, stream.names)
        }
    }

    func takeBack(_ id: Int64, domain: Int64, key: String, predecessor: NewestEntry?) throws {
        held[Slot(domain: domain, key: key)] = nil
        try connection.queue(.deleteEntries, [.integers([id])])
        try connection.queue(.deleteSuperseded, [.integers([id])])
        try connection.queue(.deleteTombstones, [.integers([id])])
        guard let predecessor else {
            return try connection.queue(.deleteKey, [.integer(domain), .textBytes(key)])
        }
        try connection.queue(
            .upsertNewest,
            [.integers([domain]), .byteStrings([Data(key.utf8)]), .integers([predecessor.id])])
        guard predecessor.tombstone else { return }
        try connection.queue(
            .insertTombstones,
            [.integers([predecessor.id]), .integers([predecessor.writtenAtMicroseconds])])
    }

    func lastSequence(ofDomain domain: Int64, in stream: StreamState) throws -> UInt64 {
        let range = EntryID.range(stream: stream.id, after: 0)
        let rows = try rows(
            .lastOfDomain,
            [.integer(domain), .integer(range.lowerBound), .integer(range.upperBound)])
        return rows.count == 0 ? 0 : EntryID.sequence(of: try rows.integer(0, 0))
    }

    // MARK: - State

    func save(_ stream: StreamState) throws {
        try send()
        try connection.queue(
            .updateStream,
            [
                .integer(Int64(stream.head)), .integer(Int64(stream.headEpoch)),
                .integer(Int64(stream.compactedThrough)), .integer(Int64(stream.purgedThrough)),
                .integer(Int64(stream.entries)), .integer(stream.id),
            ])
        for domain in stream.domains.values {
            try connection.queue(
                .updateDomain,
                [
                    .integer(Int64(domain.lastSequence)),
                    .integer(Int64(domain.digest.liveKeys)), .bytes(domain.digest.bytes),
                    .integer(domain.id),
                ])
        }
    }

    func save(_ identity: LogIdentity?) throws {
        try connection.queue(.deleteMetadata)
        for (key, value) in IdentityFields.values(of: identity, region: region) {
            try connection.queue(.insertMetadata, [.text(key), .text(value)])
        }
    }

    func removeEverything() throws {
        try send()
        held.removeAll()
        for statement in PostgreSQLStatement.removeEverything { try connection.queue(statement) }
    }

    func remove(_ stream: StreamState) throws {
        try send()
        let domains = Set(stream.domains.values.map(\.id))
        held = held.filter { !domains.contains($0.key.domain) }
        let range = EntryID.range(stream: stream.id, after: 0)
        for statement in PostgreSQLStatement.removeStreamRange {
            try connection.queue(
                statement, [.integer(range.lowerBound), .integer(range.upperBound)])
        }
        for statement in PostgreSQLStatement.removeStream {
            try connection.queue(statement, [.integer(stream.id)])
        }
    }

    func acknowledge(region: String, stream: String, sequence: UInt64, at time: Int64) throws {
        guard StreamName(stream) != nil else { return }
        try connection.queue(
            .acknowledge,
            [.text(region), .text(stream), .integer(Int64(clamping: sequence)), .integer(time)])
    }

    func forget(region: String) throws {
        try connection.queue(.forget, [.text(region)])
    }

    // MARK: - Compaction

    func superseded(by range: Range<Int64>, limit: Int) throws -> [SupersededEntry] {
        try send()
        try connection.queue(
            .superseded,
            [.integer(range.lowerBound), .integer(range.upperBound), .integer(Int64(limit))])
        guard let rows = try connection.flush().last else {
            throw PostgreSQLError.unexpectedAnswer
        }
        return try (0..<rows.count).map {
            SupersededEntry(by: try rows.integer($0, 0), id: try rows.integer($0, 1))
        }
    }

    func tombstones(in range: Range<Int64>, before: Int64, limit: Int) throws -> [Int64] {
        try send()
        try connection.queue(
            .tombstones,
            [
                .integer(range.lowerBound), .integer(range.upperBound),
                .integer(Int64(CompactionRequest.tombstonesLookedAt)), .integer(before),
                .integer(Int64(limit)),
            ])
        guard let rows = try connection.flush().last else {
            throw PostgreSQLError.unexpectedAnswer
        }
        return try (0..<rows.count).map { try rows.integer($0, 0) }
    }

    func remove(superseded: [SupersededEntry], tombstones: [Int64]) throws {
        let gone = Set(superseded.map(\.id) + tombstones)
        held = held.filter { slot in slot.value.map { !gone.contains($0.id) } ?? true }
        if !tombstones.isEmpty {
            try connection.queue(.deleteNewest, [.integers(tombstones)])
            try connection.queue(.deleteTombstones, [.integers(tombstones)])
        }
        try connection.queue(.deleteEntries, [.integers(Array(gone))])
        try connection.queue(.deleteSuperseded, [.integers(superseded.map(\.by))])
    }

    // MARK: - Trail

    func insert(_ events: [TrailRow], head: TrailChain) throws {
        for row in events {
            let (draft, event) = (row.draft, row.draft.event)
            try connection.queue(
                .insertTrail,
                [
                    .integer(Int64(row.sequence)), .textBytes(draft.eventID),
                    .integer(draft.eventTimeMicroseconds), .textBytes(event.eventName),
                    .textBytes(event.eventSource), .textBytes(event.actor.userName),
                    .flag(event.readOnly),
                    .textBytes(event.resources.map(\.arn).joined(separator: "\n")),
                    .bytes(try event.serializedData()), .textBytes(draft.cloudTrailJSON),
                    .bytes(row.hash),
                ])
        }
    }
}
