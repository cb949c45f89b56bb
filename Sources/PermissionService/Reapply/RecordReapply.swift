import Contracts
import RPC
import ReplicatedState
import ServiceKit
import SwiftProtobuf

extension PermissionHandler {
    /// Puts back what a former primary had acknowledged and nobody else had.
    func reapplyRecords(
        _ request: PermissionReapplyRecordsRequest, context: ServerContext
    ) async throws -> PermissionReapplyRecordsResponse {
        let parameters: [String: any Sendable] = [
            "records": request.records.count, "dryRun": request.dryRun,
        ]
        return try await audit.run("ReapplyRecords", context, request: parameters) { actor in
            let (outcomes, position) = try await permissions.reapply(
                request.records, isDryRun: request.dryRun, context,
                plan: { RecordReapply($0, self) }
            ) { audit.event("ReapplyRecord", actor, request: ["record": $0]) }
            var response = PermissionReapplyRecordsResponse()
            response.outcomes = outcomes
            if let position { response.position = position }
            return response
        }
    }
}

/// Decides what becomes of one record in the present state.
struct RecordReapply: ReapplyPlan {
    /// What a record holds.
    private enum Content: Sendable {
        case account(PermissionAccount)
        case permissionSet(PermissionPermissionSet)
        case assignment(PermissionAccountAssignment, AssignmentKey)
        case deletion
        case unknown
    }

    private let opened: OpenedRecord
    private let content: Content
    private let handler: PermissionHandler
    private var key: String { opened.record.key }

    init(_ opened: OpenedRecord, _ handler: PermissionHandler) {
        self.opened = opened
        self.handler = handler
        content = Self.content(opened)
    }

    private static func content(_ opened: OpenedRecord) -> Content {
        guard let value = opened.value else { return .deletion }
        switch opened.record.key.prefix(while: { $0 != "/" }) {
        case "account":
            return (try? PermissionAccountRecord(serializedBytes: value))
                .map { .account($0.account) } ?? .unknown
        case "permission-set":
            return (try? PermissionPermissionSetRecord(serializedBytes: value))
                .map { .permissionSet($0.permissionSet) } ?? .unknown
        case "assignment":
            guard
                let assignment = try? PermissionAssignmentRecord(serializedBytes: value).assignment,
                let principal = Principal(assignment.principalType, assignment.principalID)
            else { return .unknown }
            let key = AssignmentKey(
                accountID: assignment.accountID, permissionSetARN: assignment.permissionSetArn,
                principal: principal)
            return .assignment(assignment, key)
        default: return .unknown
        }
    }

    /// Whom an assignment is for has to exist.
    func problem(_ context: ServerContext) async throws -> String? {
        guard case .assignment(_, let key) = content else { return nil }
        do {
            try await handler.requireExistence(of: key.principal, context)
            return nil
        } catch let error as RPCError where error.reason == "PRINCIPAL_NOT_FOUND" {
            return error.message
        }
    }

    func decide(_ state: PermissionState, made: Set<String>) -> ReapplyDecision {
        if isThere(state) { return ReapplyDecision(opened.outcome(.same, subject)) }
        guard state.nextVersion(key) == opened.record.baseVersion + 1 else {
            return ReapplyDecision(opened.conflict(subject))
        }
        if let problem = problem(state, made) {
            return ReapplyDecision(opened.outcome(.refused, subject, problem))
        }
        guard let change = try? change(state) else {
            return ReapplyDecision(opened.outcome(.refused, subject, "It cannot be written."))
        }
        return ReapplyDecision(
            opened.outcome(.applied, subject), changes: [change], claims: claims(state),
            needs: needs)
    }

    private var subject: String {
        switch content {
        case .account(let account): return "account \(account.accountID)"
        case .permissionSet(let set): return "permission set \(set.name)"
        case .assignment(let assignment, let key):
            let set = ARN.resourceID(key.permissionSetARN)
            return "assignment of \(set) in \(key.accountID) to \(assignment.principalID)"
        case .deletion, .unknown: return key.split(separator: "/").joined(separator: " ")
        }
    }

    /// Whether there is nothing to do: it is assigned, or gone, already.
    private func isThere(_ state: PermissionState) -> Bool {
        switch content {
        case .assignment(_, let key): state.assignments[key] != nil
        case .deletion: !state.holds(key)
        default: false
        }
    }

    /// Why it makes no sense in the present state.
    private func problem(_ state: PermissionState, _ made: Set<String>) -> String? {
        switch content {
        case .account: return nil
        case .permissionSet(let set):
            let holder = state.permissionSet(named: set.name)
            guard holder.map({ $0.permissionSetArn == set.permissionSetArn }) ?? true else {
                return "The name is in use by another permission set."
            }
            return nil
        case .assignment(_, let key):
            if state.accounts[key.accountID] == nil,
                !made.contains(RecordKey.account(key.accountID))
            {
                return "The account does not exist."
            }
            if state.permissionSets[key.permissionSetARN] == nil,
                !made.contains(RecordKey.permissionSet(key.permissionSetARN))
            {
                return "The permission set does not exist."
            }
            return nil
        case .deletion: return isInUse(state) ? "It is in use by assignments." : nil
        case .unknown: return "It cannot be read, or its kind is not known."
        }
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

    private func change(_ state: PermissionState) throws -> RecordChange {
        let next = state.nextVersion(key)
        guard let value = opened.value else { return .delete(key, version: next) }
        guard case .assignment(_, let assigned) = content,
            let sibling = state.assignments(of: assigned.role).first.flatMap({
                state.assignments[$0]
            })
        else { return .put(key, version: next, value) }
        // The role has been given a name meanwhile, which all its assignments share.
        var record = try PermissionAssignmentRecord(serializedBytes: value)
        record.assignment.roleName = sibling.roleName
        return .put(key, version: next, try record.recordBytes())
    }

    private func claims(_ state: PermissionState) -> [String] {
        switch content {
        case .permissionSet(let set): ["permission-set-name/\(set.name)"]
        case .assignment(_, let key): ["role/\(key.accountID)/\(key.permissionSetARN)"]
        case .deletion: state.claims(ofDeleting: key)
        case .account, .unknown: []
        }
    }

    private var needs: [String] {
        guard case .assignment(_, let key) = content else { return [] }
        return [RecordKey.account(key.accountID), RecordKey.permissionSet(key.permissionSetARN)]
    }
}

extension PermissionState {
    /// Whether something is there under the key of an account, a permission set or an assignment.
    fileprivate func holds(_ key: String) -> Bool {
        if key.hasPrefix("account/") { return accounts[ARN.resourceID(key)] != nil }
        return permissionSetARNs[key] != nil || assignmentKeys[key] != nil
    }

    fileprivate func claims(ofDeleting key: String) -> [String] {
        if let set = permissionSetARNs[key].flatMap({ permissionSets[$0] }) {
            return ["permission-set-name/\(set.name)"]
        }
        return assignmentKeys[key].map { ["role/\($0.accountID)/\($0.permissionSetARN)"] } ?? []
    }
}
