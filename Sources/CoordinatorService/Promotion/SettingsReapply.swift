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
        do {
            switch record.key {
            case InstanceKey.instance:
                outcome.subject = "settings of the instance"
                return try settings(record, state, outcome)
            case InstanceKey.identityProvider:
                outcome.subject = "identity provider"
                return try identityProvider(record, state, outcome)
            default:
                outcome.explanation = "Regions and workflows are not put back."
            }
        } catch let error as RPCError {
            outcome.explanation = error.message
        } catch is BinaryDecodingError {
            outcome.explanation = "It cannot be read."
        }
        return (outcome, nil)
    }

    private func identityProvider(
        _ record: StateUnreplicatedRecord, _ state: InstanceState, _ outcome: StateReapplyOutcome
    ) throws -> (outcome: StateReapplyOutcome, change: InstanceChange?) {
        var outcome = outcome
        let wanted = try CoordinatorIdentityProvider(serializedBytes: record.value)
        guard wanted != state.identityProvider else {
            outcome.result = .same
            return (outcome, nil)
        }
        guard state.version(of: record.key) == record.baseVersion else {
            return (outcome.conflicting, nil)
        }
        try coordinator.validate(wanted)
        outcome.result = .applied
        return (outcome, .put(record.key, record.value))
    }

    /// Name, session duration, administrators and identity source; the key and the primary stay as
    /// they are. A file may have been altered: what no administrator could set is refused.
    private func settings(
        _ record: StateUnreplicatedRecord, _ state: InstanceState, _ outcome: StateReapplyOutcome
    ) throws -> (outcome: StateReapplyOutcome, change: InstanceChange?) {
        var outcome = outcome
        let wanted = try CoordinatorInstance(serializedBytes: record.value)
        guard let present = state.instance else { return (outcome, nil) }
        if wanted.encryption.kmsKeyArn != present.encryption.kmsKeyArn {
            outcome.explanation = "The KMS key stays as it is now."
        }
        let changed = present.with(wanted)
        guard changed != present else {
            outcome.result = .same
            return (outcome, nil)
        }
        // The promotion itself has changed the record once.
        guard state.version(of: record.key) <= record.baseVersion + 1 else {
            return (outcome.conflicting, nil)
        }
        try coordinator.validate(changed.changes(from: present))
        if changed.identitySource != present.identitySource {
            try coordinator.checkSource(changed.identitySource, state)
        }
        outcome.result = .applied
        return (outcome, try .put(changed))
    }
}

extension CoordinatorInstance {
    /// The same instance with another's settings.
    fileprivate func with(_ other: CoordinatorInstance) -> CoordinatorInstance {
        var changed = self
        changed.name = other.name
        changed.sessionDurationSeconds = other.sessionDurationSeconds
        changed.administratorGroupID = other.administratorGroupID
        changed.identitySource = other.identitySource
        return changed
    }

    /// What an administrator would have asked for to get here.
    fileprivate func changes(from before: CoordinatorInstance) -> CoordinatorUpdateInstanceRequest {
        .with {
            if name != before.name { $0.name = name }
            if sessionDurationSeconds != before.sessionDurationSeconds {
                $0.sessionDurationSeconds = sessionDurationSeconds
            }
            if administratorGroupID != before.administratorGroupID {
                $0.administratorGroupID = administratorGroupID
            }
            if identitySource != before.identitySource { $0.identitySource = identitySource }
        }
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
