import Contracts
import Foundation
import RPC
import SwiftProtobuf

/// A live record that a data key of an earlier generation seals, opened.
struct StaleRecord: Sendable {
    let key: String
    let version: UInt64
    let value: [UInt8]
}

/// Finds in the log what data keys of an earlier generation seal.
///
/// The replica has only what records say, not what they are sealed with, so the log is read again;
/// whether a record is still the newest of its key, the replica's state says. That is enough because
/// a data key that is no longer active seals nothing any more: all that it sealed has been applied
/// here when it is looked for.
struct StaleRecords<State: DomainState>: Sendable {
    let replica: DomainReplica<State>
    let stream: String
    let domain: String
    let dataKeyIDs: Set<String>

    /// A page is full with so many records or bytes.
    static var recordsGoal: Int { 1_024 }
    static var bytesGoal: Int { 1 << 20 }
    /// Records looked up under one lock.
    private static var lookUpsPerLock: Int { 64 }

    struct Page: Sendable {
        var records: [StaleRecord] = []
        /// Everything up to here has been looked at.
        var through: UInt64 = 0
        var isLast = true
    }

    /// How many live records each of the data keys seals.
    ///
    /// A record that the state does not know counts as live unless the log goes on to replace it:
    /// the state may have left out what it could not read.
    func count() async throws -> [String: UInt64] {
        var counts: [String: UInt64] = [:]
        var unknown: [String: String] = [:]
        try await read(after: 0) { entries, _ in
            let states = try look(at: entries)
            for (entry, state) in zip(entries, states) {
                if !unknown.isEmpty { unknown[entry.key] = nil }
                switch state {
                case .other: break
                case .live(let id): counts[id, default: 0] += 1
                case .unknown(let id): unknown[entry.key] = id
                }
            }
            return true
        }
        for id in unknown.values { counts[id, default: 0] += 1 }
        return counts
    }

    /// Live records after a place in the stream, in order.
    func page(after sequence: UInt64) async throws -> Page {
        var page = Page(through: sequence)
        var bytes = 0
        try await read(after: sequence) { entries, through in
            let states = try look(at: entries)
            for (entry, state) in zip(entries, states) {
                guard case .live = state else { continue }
                let value = try open(entry)
                page.records.append(
                    StaleRecord(key: entry.key, version: entry.version, value: value))
                bytes += value.count
            }
            page.through = through
            page.isLast = page.records.count < Self.recordsGoal && bytes < Self.bytesGoal
            return page.isLast
        }
        return page
    }

    private enum Standing {
        /// Sealed with another key, or no longer the newest entry of its key.
        case other
        case live(String)
        case unknown(String)
    }

    private func look(at entries: [LogEntry]) throws -> [Standing] {
        var result = [Standing](repeating: .other, count: entries.count)
        let candidates = entries.indices.compactMap { index -> (Int, String)? in
            let entry = entries[index]
            guard entry.stream == stream, entry.domain == domain, !entry.tombstone,
                !entry.isDataKey, let id = RecordSealer.dataKeyID(of: entry.value),
                dataKeyIDs.contains(id)
            else { return nil }
            return (index, id)
        }
        var rest = candidates[...]
        while !rest.isEmpty {
            let part = rest.prefix(Self.lookUpsPerLock)
            rest = rest.dropFirst(part.count)
            let versions = try replica.read { state in
                part.map { state.version(ofRecord: entries[$0.0].key, in: stream) }
            }
            for ((index, id), version) in zip(part, versions) {
                switch version {
                case nil: result[index] = .unknown(id)
                case entries[index].version: result[index] = .live(id)
                default: break
                }
            }
        }
        return result
    }

    private func open(_ entry: LogEntry) throws -> [UInt8] {
        guard let snapshot = replica.instance.current else {
            throw replica.status.error ?? RPCError.logRead("the instance is gone")
        }
        let place = RecordSealer.Place(
            instanceARN: snapshot.instance.instanceArn, domain: domain, key: entry.key,
            version: entry.version)
        do {
            return try RecordSealer.open(entry.value, at: place) { replica.ring.key($0) }
        } catch is SealError {
            throw RPCError.logRead("entry \(entry.sequence) of \(stream) does not open")
        }
    }

    /// Reads entries of the domain in the stream, in order, until the end or until `body` says false.
    ///
    /// - Parameter body: entries, and the sequence up to which they go.
    private func read(
        after sequence: UInt64, _ body: ([LogEntry], UInt64) throws -> Bool
    ) async throws {
        var request = CoordinatorTailRequest()
        request.domains = [domain]
        (request.after, request.logID) = replica.withCore { ($0.positions, $0.logID) }
        // Other streams have been read.
        request.after.removeAll { $0.stream == stream }
        if sequence > 0 {
            request.after.append(
                .with {
                    $0.stream = stream
                    $0.sequence = sequence
                })
        }
        let messages = try await replica.clients.log.tail(
            request, options: CallOptions(timeout: .seconds(600)))
        for try await message in messages {
            switch message.kind {
            case .start(let start):
                guard !start.reset else { throw RPCError.logRead("the log is read anew") }
            case .batch(let batch) where batch.stream == stream:
                guard try body(batch.entries, batch.through.sequence) else { return }
            case .reset(let reset): throw RPCError.logRead(reset.reason)
            case .caughtUp: return
            case .batch, nil: break
            }
        }
    }
}

extension RecordSealer {
    /// The ID of the data key that a sealed value names, without opening it.
    static func dataKeyID(of value: Data) -> String? {
        value.withUnsafeBytes { bytes in
            WireReader.bytes(of: 1, in: bytes).map { String(wire: $0) }
        }
    }
}

extension RPCError {
    fileprivate static func logRead(_ problem: String) -> RPCError {
        RPCError(
            .unavailable, reason: "LOG_NOT_READ",
            message: "Records to be sealed anew could not be read: \(problem).")
    }
}
