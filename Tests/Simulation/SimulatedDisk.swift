import Contracts
import Foundation
package import ReplicationLog

/// A disk that can be full, fail, and lose what had not been synced. It outlives the process.
package struct SimulatedDisk {
    /// Why a commit did not come about.
    package enum Failure: Error {
        /// The write was refused and nothing of it is there.
        case refused(LogError)
        /// The process died there.
        case crashed
    }

    /// What the disk will do to the commits that follow.
    package struct Faults: Sendable {
        package var isFull = false
        /// Of a hundred writes, so many fail.
        package var failingWrites = 0.0
        /// Of a hundred commits, so many kill the process, at one of the steps on the way.
        package var deaths = 0.0
        /// A planted bug: commits are answered before they are synced.
        package var answersBeforeSync = false

        package init() {}
    }

    package private(set) var durable = MemoryStore()
    /// Written and not synced; newest last.
    private var unsynced: [MemoryStore] = []
    package var faults = Faults()

    package init() {}

    /// Takes a commit to the disk. Returns whether the process lives on to tell of it.
    package mutating func commit(
        _ store: MemoryStore, _ random: inout SeededRandom
    ) throws(Failure) {
        if faults.isFull { throw .refused(LogError(.storageFull, "The disk is full.")) }
        if random.chance(faults.failingWrites) {
            throw .refused(LogError(.storageFailed, "A write failed."))
        }
        let dies = random.chance(faults.deaths)
        let step = dies ? random.number(0...2) : 3
        // Before anything is written, between writing and syncing, after syncing.
        if step == 0 { throw .crashed }
        unsynced.append(store)
        if step == 1 { throw .crashed }
        if faults.answersBeforeSync {
            if unsynced.count > 3 { sync() }
        } else {
            sync()
        }
        if step == 2 { throw .crashed }
    }

    private mutating func sync() {
        if let last = unsynced.last { durable = last }
        unsynced.removeAll()
    }

    /// What a process that starts finds: a write that was on its way is there whole or not at all
    /// (torn frames do not pass the write-ahead log's checksums).
    package mutating func reopen(_ random: inout SeededRandom) -> MemoryStore {
        if !unsynced.isEmpty {
            let survivors = Int(random.number(0...Int64(unsynced.count)))
            if survivors > 0 { durable = unsynced[survivors - 1] }
            unsynced.removeAll()
        }
        return durable
    }

    /// Puts back what was there before a flipped bit.
    mutating func restore(_ store: MemoryStore) { durable = store }

    mutating func spoil(_ place: EntryPlace) {
        guard let stream = durable.streams.values.first(where: { $0.name == place.stream }),
            let index = durable.index(
                of: EntryID.make(stream: stream.id, sequence: place.sequence))
        else { return }
        durable.entries[stream.id]?[index].entry.value = Data("spoiled".utf8)
    }

    /// Flips a bit of one stored value. Returns whether there was one.
    package mutating func flipBit(_ random: inout SeededRandom) -> EntryPlace? {
        let streams = durable.streams.values.filter { !(durable.entries[$0.id] ?? []).isEmpty }
            .sorted { $0.name.text < $1.name.text }
        guard !streams.isEmpty else { return nil }
        let stream = random.pick(streams)
        guard var rows = durable.entries[stream.id] else { return nil }
        let index = Int(random.next() % UInt64(rows.count))
        guard !rows[index].entry.value.isEmpty else { return nil }
        let byte = rows[index].entry.value.startIndex
        rows[index].entry.value[byte] ^= 1 << UInt8(random.number(0...7))
        durable.entries[stream.id] = rows
        return EntryPlace(stream: stream.name, sequence: rows[index].entry.sequence)
    }
}
