import Contracts
import Foundation
import ReplicationLog

/// The tables of a log in memory, within one transaction: a copy that is thrown away if it fails.
final class MemoryTables: LogTables {
    var store: MemoryStore

    init(_ store: MemoryStore) { self.store = store }

    func makeStream(_ name: StreamName) throws -> Int64 {
        defer { store.nextStream += 1 }
        store.streams[store.nextStream] = StreamState(name: name, id: store.nextStream)
        return store.nextStream
    }

    func makeDomain(_ name: String, stream: Int64) throws -> Int64 {
        defer { store.nextDomain += 1 }
        return store.nextDomain
    }

    func newest(domain: Int64, keys: [String]) throws -> [NewestEntry?] {
        keys.map { key in
            guard let id = store.newest[domain]?[key], let row = store.row(id) else { return nil }
            return NewestEntry(id: id, row.entry)
        }
    }

    func insert(_ row: EntryRow) throws {
        let stream = MemoryStore.stream(of: row.id)
        store.entries[stream, default: []].append(
            MemoryStore.Row(
                id: row.id, domain: row.domain, entry: row.entry, request: row.request))
        store.newest[row.domain, default: [:]][row.entry.key] = row.id
        if row.entry.tombstone {
            store.tombstones[stream, default: []].append((row.id, row.entry.writtenAtUs))
        }
        guard let previous = row.previous else { return }
        store.superseded[stream, default: []].append(
            SupersededEntry(by: row.id, id: previous.id))
        if previous.tombstone { store.tombstones[stream]?.removeAll { $0.id == previous.id } }
    }

    func entry(_ id: Int64, in stream: StreamState) throws -> LogEntry? { store.row(id)?.entry }

    func replace(_ id: Int64, domain: Int64, by entry: LogEntry) throws {
        guard let index = store.index(of: id) else { return }
        store.entries[MemoryStore.stream(of: id)]?[index].entry = entry
    }

    func superseding(_ id: Int64, in stream: StreamState) throws -> SupersededEntry? {
        store.superseded[stream.id]?.first { $0.id == id }
    }

    func superseded(by id: Int64) throws -> SupersededEntry? {
        store.superseded[MemoryStore.stream(of: id)]?.last { $0.by == id }
    }

    func last(_ limit: Int, of stream: StreamState, after sequence: UInt64) throws -> [LogEntry] {
        (store.entries[stream.id] ?? []).suffix(limit).map(\.entry)
            .filter { $0.sequence > sequence }.reversed()
    }

    func takeBack(_ id: Int64, domain: Int64, key: String, predecessor: NewestEntry?) throws {
        let stream = MemoryStore.stream(of: id)
        store.entries[stream]?.removeAll { $0.id == id }
        store.superseded[stream]?.removeAll { $0.by == id }
        store.tombstones[stream]?.removeAll { $0.id == id }
        store.newest[domain]?[key] = predecessor?.id
        guard let predecessor, predecessor.tombstone else { return }
        store.tombstones[stream, default: []]
            .append((predecessor.id, predecessor.writtenAtMicroseconds))
        store.tombstones[stream]?.sort { $0.id < $1.id }
    }

    func lastSequence(ofDomain domain: Int64, in stream: StreamState) throws -> UInt64 {
        store.entries[stream.id]?.last { $0.domain == domain }?.entry.sequence ?? 0
    }

    func save(_ stream: StreamState) throws { store.streams[stream.id] = stream }

    func save(_ identity: LogIdentity?) throws { store.identity = identity }

    func removeEverything() throws {
        let (trail, chain) = (store.trail, store.chain)
        let (nextStream, nextDomain) = (store.nextStream, store.nextDomain)
        store = MemoryStore()
        (store.trail, store.chain) = (trail, chain)
        (store.nextStream, store.nextDomain) = (nextStream, nextDomain)
    }

    func remove(_ stream: StreamState) throws {
        store.streams[stream.id] = nil
        store.entries[stream.id] = nil
        store.superseded[stream.id] = nil
        store.tombstones[stream.id] = nil
        for domain in stream.domains.values { store.newest[domain.id] = nil }
    }

    func acknowledge(region: String, stream: String, sequence: UInt64, at time: Int64) throws {
        guard let name = StreamName(stream) else { return }
        store.acknowledged[region, default: [:]][name] = sequence
    }

    func forget(region: String) throws { store.acknowledged[region] = nil }

    func superseded(by range: Range<Int64>, limit: Int) throws -> [SupersededEntry] {
        let all = store.superseded[MemoryStore.stream(of: range.lowerBound)] ?? []
        return Array(all.filter { range.contains($0.by) }.prefix(limit))
    }

    func tombstones(in range: Range<Int64>, before: Int64, limit: Int) throws -> [Int64] {
        let all = store.tombstones[MemoryStore.stream(of: range.lowerBound)] ?? []
        return Array(
            all.filter { range.contains($0.id) && $0.writtenAt < before }.map(\.id).prefix(limit))
    }

    func remove(superseded: [SupersededEntry], tombstones: [Int64]) throws {
        let by = Set(superseded.map(\.by))
        let gone = Set(tombstones)
        for id in tombstones {
            guard let row = store.row(id) else { continue }
            store.newest[row.domain]?[row.entry.key] = nil
        }
        let ids = gone.union(superseded.map(\.id))
        guard let any = ids.first else { return }
        let stream = MemoryStore.stream(of: any)
        store.entries[stream]?.removeAll { ids.contains($0.id) }
        store.superseded[stream]?.removeAll { by.contains($0.by) }
        store.tombstones[stream]?.removeAll { gone.contains($0.id) }
    }

    func insert(_ events: [TrailRow], head: TrailChain) throws {
        store.trail += events
        store.chain = head
    }
}
