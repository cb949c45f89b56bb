import Contracts
import Foundation
import RPC
import ReplicationLog
import SwiftProtobuf

/// Applies again what an export holds of the domain "instance": settings and the identity provider.
/// Regions and workflows are what they are now.
struct SettingsReapply {
    let coordinator: Coordinator

    func run(
        _ request: CoordinatorReapplySettingsRequest, event: TrailEvent
    ) async throws -> [StateReapplyOutcome] {
        _ = try coordinator.requirePrimaryWithInstance()
        guard request.records.count <= 1_000 else {
            throw coordinator.invalid("At most 1,000 records at a time.")
        }
        var outcomes: [StateReapplyOutcome] = []
        if request.dryRun {
            outcomes = try request.records.map { try decide($0, coordinator.instance).outcome }
        } else {
            try await coordinator.changeInstance(events: [event]) { state in
                let decided = try request.records.map { try decide($0, state) }
                outcomes = decided.map(\.outcome)
                return decided.compactMap(\.change)
            }
        }
        return outcomes
    }

    private func decide(
        _ record: StateUnreplicatedRecord, _ state: InstanceState
    ) throws -> (outcome: StateReapplyOutcome, change: InstanceChange?) {
        var outcome = StateReapplyOutcome.with {
            $0.domain = record.domain
            $0.key = record.key
            $0.result = .refused
        }
        guard record.domain == DomainOwners.instance, !record.tombstone else {
            outcome.explanation = "Regions and workflows are not put back."
            return (outcome, nil)
        }
        switch record.key {
        case InstanceKey.instance:
            outcome.subject = "settings of the instance"
            return try settings(record, state, outcome)
        case InstanceKey.identityProvider:
            outcome.subject = "identity provider"
            guard state.version(of: record.key) == record.baseVersion else {
                return (outcome.conflicting, nil)
            }
            outcome.result = .applied
            return (outcome, .put(record.key, record.value))
        default:
            outcome.explanation = "Regions and workflows are not put back."
            return (outcome, nil)
        }
    }

    /// Name, session duration and administrators; the key and the primary stay as they are.
    private func settings(
        _ record: StateUnreplicatedRecord, _ state: InstanceState, _ outcome: StateReapplyOutcome
    ) throws -> (outcome: StateReapplyOutcome, change: InstanceChange?) {
        var outcome = outcome
        guard let wanted = try? CoordinatorInstance(serializedBytes: record.value),
            let present = state.instance
        else { return (outcome, nil) }
        var changed = present
        changed.name = wanted.name
        changed.sessionDurationSeconds = wanted.sessionDurationSeconds
        changed.administratorGroupID = wanted.administratorGroupID
        guard changed != present else {
            outcome.result = .same
            return (outcome, nil)
        }
        // The promotion itself has changed the record once.
        guard state.version(of: record.key) <= record.baseVersion + 1 else {
            return (outcome.conflicting, nil)
        }
        outcome.result = .applied
        return (outcome, try .put(changed))
    }
}

extension StateReapplyOutcome {
    fileprivate var conflicting: StateReapplyOutcome {
        var outcome = self
        outcome.result = .conflict
        outcome.explanation = "It has been changed since; the newer state stays."
        return outcome
    }
}
