import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Synchronization

/// A data key that is held open, with its record in the log.
struct HeldDataKey: Sendable {
    var record: StateDataKeyRecord
    /// Version of the record in the log.
    var version: UInt64
    let stream: String
    let domain: String
    let key: SealingKey
    /// When the keys service last opened it.
    var checkedAt: ContinuousClock.Instant

    static let keyPrefix = "data-key/"
    /// Longest life of a data key.
    static let ageMaxMicroseconds: Int64 = 90 * 86_400 * 1_000_000

    var logKey: String { Self.keyPrefix + record.dataKeyID }

    /// The record as it goes into the log.
    func change() throws -> RecordChange {
        RecordChange(key: logKey, version: version, content: .plain(try record.serializedBytes()))
    }

    /// Whether a new one is due, by use or by age.
    var isWorn: Bool {
        key.isWorn || Timestamp.nowMicroseconds - record.createdAtUs > Self.ageMaxMicroseconds
    }
}

/// The data keys of a replica, each held for a bounded time after the keys service opened it.
final class DataKeyRing: Sendable {
    private let held = Mutex<[String: HeldDataKey]>([:])
    /// Data keys that have been deleted and could not be opened any more, with the place in their
    /// stream where they were: what they sealed before it has been replaced.
    private let deleted = Mutex<[String: UInt64]>([:])
    private let hold: Duration

    init(hold: Duration) { self.hold = hold }

    func key(_ id: String) -> SealingKey? { held.withLock { $0[id]?.key } }

    /// Version of the record that a key was opened from; nil when it is not held.
    func version(_ id: String) -> UInt64? { held.withLock { $0[id]?.version } }

    func held(_ id: String) -> HeldDataKey? { held.withLock { $0[id] } }

    func markDeleted(_ id: String, at sequence: UInt64) { deleted.withLock { $0[id] = sequence } }

    /// Where a data key was deleted; nil for one that was not, or that is not known to be.
    func deletion(_ id: String) -> UInt64? { deleted.withLock { $0[id] } }

    func holds(_ id: String) -> Bool { held.withLock { $0[id] != nil } }

    func insert(_ key: HeldDataKey) { held.withLock { $0[key.record.dataKeyID] = key } }

    func remove(_ id: String) { held.withLock { _ = $0.removeValue(forKey: id) } }

    func removeAll() {
        held.withLock { $0.removeAll() }
        deleted.withLock { $0.removeAll() }
    }

    /// The newest active key of a stream's domain.
    func active(stream: String, domain: String) -> HeldDataKey? {
        all(stream: stream, domain: domain).filter(\.record.active)
            .max { $0.record.createdAtUs < $1.record.createdAtUs }
    }

    /// Every key that is held.
    var everything: [HeldDataKey] { held.withLock { Array($0.values) } }

    /// The newest of them that may seal.
    var newest: HeldDataKey? {
        everything.filter(\.record.active).max { $0.record.createdAtUs < $1.record.createdAtUs }
    }

    func all(stream: String, domain: String) -> [HeldDataKey] {
        held.withLock { held in
            held.values.filter { $0.stream == stream && $0.domain == domain }
        }
    }

    /// Takes the new wrapping of a key that is held already, without asking for it again.
    func update(_ record: StateDataKeyRecord, version: UInt64) {
        held.withLock { held in
            held[record.dataKeyID]?.record = record
            held[record.dataKeyID]?.version = version
        }
    }

    /// Asks the keys service again for every key before its hold ends. Returns only by throwing.
    ///
    /// Throws: `ReplicaClosure` when it refuses, or when it cannot be reached and a hold has ended.
    func keepChecking(_ wrapper: DataKeyWrapper, _ snapshot: InstanceSnapshot) async throws {
        let step = min(.seconds(1), hold / 10)
        while true {
            try await Task.sleep(for: step)
            let due = held.withLock { held in
                let now = ContinuousClock.now
                return held.values.filter { now - $0.checkedAt >= hold * 3 / 4 }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for key in due { group.addTask { try await self.check(key, wrapper, snapshot) } }
                try await group.waitForAll()
            }
        }
    }

    private func check(
        _ key: HeldDataKey, _ wrapper: DataKeyWrapper, _ snapshot: InstanceSnapshot
    ) async throws {
        let start = ContinuousClock.now
        do {
            _ = try await wrapper.open(key.record, for: snapshot, timeout: hold / 8)
            held.withLock { $0[key.record.dataKeyID]?.checkedAt = start }
        } catch let error as RPCError {
            try Task.checkCancellation()
            if error.isKeyRefusal { throw ReplicaClosure(refusedKey: key.record, error) }
            if ContinuousClock.now - key.checkedAt >= hold {
                throw ReplicaClosure(unreachableFor: key.record, error)
            }
        }
    }
}
