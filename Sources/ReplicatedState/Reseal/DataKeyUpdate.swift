import Contracts
import Foundation
import RPC
import SwiftProtobuf

extension DomainWriter {
    /// Writes the record of a data key anew, changed from its newest state.
    func update(
        dataKey id: String, _ change: @escaping @Sendable (inout StateDataKeyRecord) -> Void
    ) async throws {
        let ring = replica.ring
        _ = try await submit(until: .after(.seconds(10)), inBackground: true) { _ in
            // Nobody has it any more: nothing to write.
            guard var held = ring.held(id) else { return DomainWrite(()) }
            change(&held.record)
            held.version += 1
            return DomainWrite((), changes: [try held.change()])
        }
    }

    /// Deletes a data key that no live record needs.
    func delete(dataKey id: String) async throws {
        let ring = replica.ring
        _ = try await submit(until: .after(.seconds(10)), inBackground: true) { _ in
            guard let held = ring.held(id) else { return DomainWrite(()) }
            return DomainWrite((), changes: [.delete(held.logKey, version: held.version + 1)])
        }
    }
}

extension DataKeyRing {
    /// Takes over what has just been written of data keys.
    func take(_ changes: [RecordChange]) {
        for change in changes where change.key.hasPrefix(HeldDataKey.keyPrefix) {
            switch change.content {
            case .plain(let value):
                guard let record = try? StateDataKeyRecord(serializedBytes: value) else { continue }
                update(record, version: change.version)
            case .tombstone: remove(String(change.key.dropFirst(HeldDataKey.keyPrefix.count)))
            case .sealed: break
            }
        }
    }
}

extension HeldDataKey {
    /// Whether another data key has to be made for new records.
    func isOver(_ snapshot: InstanceSnapshot) -> Bool { isWorn || isStale(snapshot) }

    /// Whether what the data key seals has to be sealed with another one.
    func isStale(_ snapshot: InstanceSnapshot) -> Bool {
        record.generation < snapshot.instance.encryption.dataKeyGeneration
    }
}
