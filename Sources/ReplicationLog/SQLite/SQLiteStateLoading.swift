import Contracts
import Foundation
import GRDB
import SwiftProtobuf

extension SQLiteLogEngine {
    /// Reads the state that the tables hold.
    static func loadState(_ db: Database, region: String) throws -> LogState {
        var state = LogState(region: region, identity: try loadIdentity(db, region: region))
        for row in try Row.fetchAll(db, sql: "SELECT * FROM streams") {
            guard let name = StreamName(row["name"] as String) else { continue }
            var stream = StreamState(name: name, id: row["id"])
            stream.head = UInt64(row["head"] as Int64)
            stream.headEpoch = UInt64(row["head_epoch"] as Int64)
            stream.compactedThrough = UInt64(row["compacted_through"] as Int64)
            stream.purgedThrough = UInt64(row["purged_through"] as Int64)
            stream.entries = UInt64(row["entries"] as Int64)
            stream.domains = try loadDomains(db, stream: stream.id)
            state.streams[name] = stream
        }
        return state
    }

    private static func loadDomains(
        _ db: Database, stream: Int64
    ) throws -> [String: DomainState] {
        var domains: [String: DomainState] = [:]
        let rows = try Row.fetchAll(
            db, sql: "SELECT * FROM domains WHERE stream = ?", arguments: [stream])
        for row in rows {
            var domain = DomainState(id: row["id"])
            domain.lastSequence = UInt64(row["last_sequence"] as Int64)
            let liveKeys = UInt64(row["live_keys"] as Int64)
            guard let digest = DomainDigest(bytes: row["digest"], liveKeys: liveKeys) else {
                throw LogError(.storageFailed, "The log's database holds a damaged digest.")
            }
            domain.digest = digest
            domains[row["name"]] = domain
        }
        return domains
    }

    private static func loadIdentity(_ db: Database, region: String) throws -> LogIdentity? {
        var values: [String: String] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT key, value FROM metadata") {
            values[row["key"]] = row["value"]
        }
        return try IdentityFields.identity(values, region: region)
    }

    static func loadChain(_ db: Database) throws -> TrailChain {
        let row = try Row.fetchOne(db, sql: "SELECT sequence, hash FROM trail_head")
        guard let row else { return TrailChain() }
        return TrailChain(sequence: UInt64(row["sequence"] as Int64), hash: row["hash"])
    }

    /// The answers of the appends of the last five minutes, found again in the entries.
    static func loadRequests(_ db: Database, state: LogState) throws -> RequestMemory {
        var memory = RequestMemory()
        for stream in state.streams.values {
            let newest = EntryID.make(stream: stream.id, sequence: stream.head)
            let oldest = max(
                newest - Int64(RequestMemory.requestsMax),
                EntryID.make(stream: stream.id, sequence: 0))
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT id, epoch, last, request, written_at FROM entries
                    WHERE id > ? AND id <= ? ORDER BY id
                    """, arguments: [oldest, newest])
            var found = RequestFinder(stream: stream.name)
            while let row = try rows.next() {
                found.take(
                    sequence: EntryID.sequence(of: row["id"]),
                    epoch: UInt64(row["epoch"] as Int64), commit: UInt64(row["last"] as Int64),
                    request: row["request"], writtenAt: row["written_at"], into: &memory)
            }
        }
        return memory
    }
}
