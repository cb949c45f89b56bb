import Contracts
import RPC
import ReplicatedState
import ServiceKit
import SwiftProtobuf

extension PermissionHandler {
    /// Puts back what a former primary had acknowledged and nobody else had, one record at a time and
    /// in order: each is decided against what the ones before have made of the state.
    func reapplyRecords(
        _ request: PermissionReapplyRecordsRequest, context: ServerContext
    ) async throws -> PermissionReapplyRecordsResponse {
        let parameters: [String: any Sendable] = [
            "records": request.records.count, "dryRun": request.dryRun,
        ]
        return try await audit.run("ReapplyRecords", context, request: parameters) { actor in
            try await replica.requirePrimary()
            var response = PermissionReapplyRecordsResponse()
            for opened in try await replica.open(request.records) {
                let plan = RecordReapply(opened)
                if let principal = plan.principal {
                    do {
                        try await requireExistence(of: principal, context)
                    } catch let error as RPCError where error.reason == "PRINCIPAL_NOT_FOUND" {
                        response.outcomes.append(
                            opened.outcome(.refused, "assignment", error.message))
                        continue
                    }
                }
                if request.dryRun {
                    response.outcomes.append(try replica.read { plan.decide($0).outcome })
                    continue
                }
                let event = audit.event(
                    "ReapplyRecord", actor, request: ["record": opened.record.key])
                let written = try await permissions.submit(until: context.deadline) { state in
                    let decision = plan.decide(state)
                    return DomainWrite(
                        decision.outcome, changes: decision.changes,
                        events: decision.changes.isEmpty ? [] : [event],
                        exclusive: decision.claims, shared: decision.needs)
                }
                response.outcomes.append(written.answer)
                response.position = written.position
            }
            return response
        }
    }
}

/// Decides what becomes of one record in the present state.
struct RecordReapply: Sendable {
    struct Decision: Sendable {
        var outcome: StateReapplyOutcome
        var changes: [RecordChange] = []
        var claims: [String] = []
        var needs: [String] = []
    }

    private let opened: OpenedRecord
    private var key: String { opened.record.key }

    init(_ opened: OpenedRecord) { self.opened = opened }

    /// Whom an assignment is for; nil for anything else, and for an end.
    var principal: Principal? {
        assignment.flatMap { Principal($0.principalType, $0.principalID) }
    }

    private var assignment: PermissionAccountAssignment? {
        guard key.hasPrefix("assignment/"), let value = opened.value else { return nil }
        return try? PermissionAssignmentRecord(serializedBytes: value).assignment
    }

    func decide(_ state: PermissionState) -> Decision {
        guard opened.problem.isEmpty else {
            return Decision(outcome: opened.outcome(.refused, "", opened.problem))
        }
        guard state.nextVersion(key) == opened.record.baseVersion + 1 else {
            return Decision(outcome: opened.conflict(subject))
        }
        if let problem = problem(state) {
            return Decision(outcome: opened.outcome(.refused, subject, problem))
        }
        let next = state.nextVersion(key)
        let change: RecordChange =
            if let value = opened.value { .put(key, version: next, value) } else {
                .delete(key, version: next)
            }
        return Decision(
            outcome: opened.outcome(.applied, subject), changes: [change], claims: claims,
            needs: needs)
    }

    private var subject: String {
        if let assignment {
            let set = ARN.resourceID(assignment.permissionSetArn)
            return "assignment of \(set) in \(assignment.accountID) to \(assignment.principalID)"
        }
        if let set = permissionSet { return "permission set \(set.name)" }
        return key.split(separator: "/").joined(separator: " ")
    }

    private var permissionSet: PermissionPermissionSet? {
        guard key.hasPrefix("permission-set/"), let value = opened.value else { return nil }
        return try? PermissionPermissionSetRecord(serializedBytes: value).permissionSet
    }

    /// Why it makes no sense in the present state.
    private func problem(_ state: PermissionState) -> String? {
        if let assignment {
            if state.accounts[assignment.accountID] == nil { return "The account does not exist." }
            if state.permissionSets[assignment.permissionSetArn] == nil {
                return "The permission set does not exist."
            }
        } else if let set = permissionSet {
            if let holder = state.permissionSet(named: set.name),
                holder.permissionSetArn != set.permissionSetArn
            {
                return "The name is in use by another permission set."
            }
        } else if opened.value == nil, isInUse(state) {
            return "It is in use by assignments."
        }
        return nil
    }

    /// Whether what would be deleted is named by an assignment.
    private func isInUse(_ state: PermissionState) -> Bool {
        let id = ARN.resourceID(key)
        if key.hasPrefix("account/") {
            return state.assignments.keys.contains { $0.accountID == id }
        }
        guard key.hasPrefix("permission-set/") else { return false }
        return state.assignments.keys.contains { ARN.resourceID($0.permissionSetARN) == id }
    }

    private var claims: [String] {
        assignment.map { ["role/\($0.accountID)/\($0.permissionSetArn)"] } ?? []
    }

    private var needs: [String] {
        assignment.map {
            [RecordKey.account($0.accountID), RecordKey.permissionSet($0.permissionSetArn)]
        } ?? []
    }
}
