import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf

/// One change of a key of the domain "instance".
enum InstanceChange: Sendable {
    case put(String, Data)
    case delete(String)

    static func put(_ instance: CoordinatorInstance) throws -> InstanceChange {
        .put(InstanceKey.instance, try instance.serializedData())
    }

    static func put(_ region: CoordinatorRegion) throws -> InstanceChange {
        .put(InstanceKey.region(region.name), try region.serializedData())
    }

    static func put(
        _ progress: CoordinatorRegionProgress, of region: String
    ) throws -> InstanceChange {
        .put(InstanceKey.workflow(region), try progress.serializedData())
    }

    fileprivate func record(_ state: InstanceState) -> LogRecord {
        switch self {
        case .put(let key, let value):
            .with {
                $0.key = key
                $0.version = state.nextVersion(of: key)
                $0.value = value
            }
        case .delete(let key):
            .with {
                $0.key = key
                $0.version = state.nextVersion(of: key)
                $0.tombstone = true
            }
        }
    }
}

extension Coordinator {
    /// Changes the instance. `decide` sees the present state and may refuse by throwing; it is asked
    /// again if the state has moved meanwhile. Events, and a change of the primary, are part of the
    /// same transaction.
    ///
    /// Throws: what `decide` throws; `LogError`.
    @discardableResult
    func changeInstance(
        events: [TrailEvent] = [], succession: Succession? = nil,
        _ decide: (InstanceState) throws -> [InstanceChange]
    ) async throws -> LogPosition {
        let drafts = trail.drafts(events)
        for attempt in 1... {
            let state = instance
            let changes = try decide(state)
            let command = AppendCommand(
                stream: .control, domain: DomainOwners.instance,
                expectedDomainSequence: state.sequence, records: changes.map { $0.record(state) },
                events: drafts, writtenAtMicroseconds: now(), succession: succession)
            do {
                return try await engine.append(command).position
            } catch let error as LogError where error.code == .domainAdvanced && attempt < 8 {
                continue
            }
        }
        throw LogError(.busy, "The instance is being changed all the time; try again.")
    }
}
