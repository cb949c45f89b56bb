package import Contracts
package import Foundation

/// The tables under a `LogTransaction`: what differs between engines. Used by one writer, inside one
/// transaction; nothing is there for others before that commits.
///
/// Throws: the engine's own error, which the engine maps to `LogError`.
package protocol LogTables: AnyObject {
    /// Adds a stream that stands before its first entry. Returns its number.
    func makeStream(_ name: StreamName) throws -> Int64
    /// Adds a domain without entries. Returns its number.
    func makeDomain(_ name: String, stream: Int64) throws -> Int64
    /// The newest entries of keys, in their order; nil where a key has none.
    func newest(domain: Int64, keys: [String]) throws -> [NewestEntry?]
    /// Tells of keys whose newest entries will be asked for, so that they can be fetched together.
    func prefetch(domain: Int64, keys: [String]) throws
    /// Stores an entry and makes it the newest of its key.
    func insert(_ row: EntryRow) throws
    /// Writes a stream's heads and its domains' digests.
    func save(_ stream: StreamState) throws
    func save(_ identity: LogIdentity?) throws
    /// An entry as it lies in storage, not verified; nil when there is none.
    func entry(_ id: Int64, in stream: StreamState) throws -> LogEntry?
    /// Overwrites what lies in an entry's place. Everything that refers to the entry stays.
    func replace(_ id: Int64, domain: Int64, by entry: LogEntry) throws
    /// By which newer entry of its key an entry has been replaced; nil when it is the newest.
    func superseding(_ id: Int64, in stream: StreamState) throws -> SupersededEntry?
    /// The entry that this one replaced; nil when there was none, or it has been removed.
    func superseded(by id: Int64) throws -> SupersededEntry?
    /// The last entries of a stream after a sequence, the newest first, not verified.
    func last(_ limit: Int, of stream: StreamState, after sequence: UInt64) throws -> [LogEntry]
    /// Removes an entry that is the newest of its key, which what it replaced is then again.
    func takeBack(_ id: Int64, domain: Int64, key: String, predecessor: NewestEntry?) throws
    /// Sequence of the last entry of a domain that is held.
    func lastSequence(ofDomain domain: Int64, in stream: StreamState) throws -> UInt64
    /// Removes everything but the trail.
    func removeEverything() throws
    /// Removes a stream with all that belongs to it.
    func remove(_ stream: StreamState) throws
    func acknowledge(region: String, stream: String, sequence: UInt64, at: Int64) throws
    func forget(region: String) throws
    /// Entries superseded by one within the range, oldest first.
    func superseded(by range: Range<Int64>, limit: Int) throws -> [SupersededEntry]
    /// Tombstones within the range written before a moment, oldest first. Only as many as
    /// `CompactionRequest.tombstonesLookedAt` are looked at: millions may be there that are too young.
    func tombstones(in range: Range<Int64>, before: Int64, limit: Int) throws -> [Int64]
    func remove(superseded: [SupersededEntry], tombstones: [Int64]) throws
    /// Adds events to the trail, whose end is then `head`.
    func insert(_ events: [TrailRow], head: TrailChain) throws
}

extension LogTables {
    package func prefetch(domain: Int64, keys: [String]) throws {}
}

/// An entry to be stored, with what belongs to it in the tables.
package struct EntryRow {
    package let id: Int64
    package let domain: Int64
    package let entry: LogEntry
    /// With the last entry of an append: its request ID.
    package let request: String?
    /// What it supersedes.
    package let previous: NewestEntry?
}

/// The newest entry of a key as it lies in storage: as much of it as the digest needs.
package struct NewestEntry: Sendable {
    package let id: Int64
    /// Without the names of stream and domain, which whoever asked knows.
    private let held: LogEntry

    package var key: String { held.key }
    package var version: UInt64 { held.version }
    package var tombstone: Bool { held.tombstone }
    package var writtenAtMicroseconds: Int64 { held.writtenAtUs }

    package init(id: Int64, _ entry: LogEntry) {
        self.id = id
        held = entry
    }

    /// As it is stored.
    ///
    /// Throws: `checksumMismatch` when that is not what was written.
    func entry(stream: StreamName, domain: String) throws(LogError) -> LogEntry {
        var entry = held
        entry.stream = stream.text
        entry.sequence = EntryID.sequence(of: id)
        entry.domain = domain
        guard entry.isIntact else { throw LogError.damaged(entry, in: stream) }
        return entry
    }
}

/// An entry that a newer one of its key has replaced.
package struct SupersededEntry: Sendable {
    package let by: Int64
    package let id: Int64

    package init(by: Int64, id: Int64) {
        self.by = by
        self.id = id
    }
}

/// An event with its place in the chain.
package struct TrailRow: Sendable {
    package let sequence: UInt64
    package let draft: TrailDraft
    package let hash: Data

    package init(sequence: UInt64, draft: TrailDraft, hash: Data) {
        self.sequence = sequence
        self.draft = draft
        self.hash = hash
    }
}
