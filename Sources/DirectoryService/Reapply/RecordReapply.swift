import Contracts
import RPC
import ReplicatedState
import ServiceKit
import SwiftProtobuf

extension DirectoryServer {
    /// Puts back what a former primary had acknowledged and nobody else had, one record at a time and
    /// in order: each is decided against what the ones before have made of the state.
    func reapplyRecords(
        _ request: DirectoryReapplyRecordsRequest, context: ServerContext
    ) async throws -> DirectoryReapplyRecordsResponse {
        let parameters = storeParameters.merging(
            ["records": request.records.count, "dryRun": request.dryRun]) { $1 }
        return try await audit.run("ReapplyRecords", context, request: parameters) { actor in
            try await replica.requirePrimary()
            var response = DirectoryReapplyRecordsResponse()
            for opened in try await replica.open(request.records) {
                let plan = RecordReapply(opened)
                if request.dryRun {
                    response.outcomes.append(try replica.read { plan.decide($0).outcome })
                    continue
                }
                let event = audit.event(
                    "ReapplyRecord", actor,
                    request: storeParameters.merging(["record": opened.record.key]) { $1 })
                let written = try await writer.submit(until: context.deadline) { state in
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
    private var base: UInt64 { opened.record.baseVersion }

    init(_ opened: OpenedRecord) { self.opened = opened }

    func decide(_ state: DirectoryState) -> Decision {
        guard opened.problem.isEmpty else {
            return Decision(outcome: opened.outcome(.refused, "", opened.problem))
        }
        do {
            switch DirectoryKey(opened.record.key) {
            case .user(let id): return try user(id, state)
            case .group(let id): return try group(id, state)
            case .member(let group, let user): return try member(group, user, state)
            case nil:
                return Decision(outcome: opened.outcome(.refused, "", "Its kind is not known."))
            }
        } catch let error as RPCError {
            return Decision(outcome: opened.outcome(.refused, "", error.message))
        } catch {
            return Decision(outcome: opened.outcome(.refused, "", "It cannot be read."))
        }
    }

    private func user(_ id: Identifier, _ state: DirectoryState) throws -> Decision {
        let row = state.users.row(id)
        let present = row.flatMap { state.users.withFields($0) { $0.version } } ?? 0
        guard let value = opened.value else {
            let subject = "user \(id.text)"
            guard let row else { return Decision(outcome: opened.outcome(.same, subject)) }
            guard present == base else { return Decision(outcome: opened.conflict(subject)) }
            let ends = state.memberships.indexes(ofUser: row).map { state.endOfMembership($0) }
            return Decision(
                outcome: opened.outcome(.applied, subject),
                changes: ends + [.delete(DirectoryKey.user(id).text, version: present + 1)])
        }
        var user = try DirectoryUserRecord(serializedBytes: value).user
        let subject = "user \(user.userName)"
        guard present == base else { return Decision(outcome: opened.conflict(subject)) }
        user.version = present + 1
        try user.validate()
        do {
            try user.checkUnique(in: state, except: row)
        } catch let error as RPCError {
            return Decision(outcome: opened.outcome(.refused, subject, error.message))
        }
        return Decision(
            outcome: opened.outcome(.applied, subject),
            changes: [.put(DirectoryKey.user(id).text, version: user.version, try user.record)],
            claims: user.claims)
    }

    private func group(_ id: Identifier, _ state: DirectoryState) throws -> Decision {
        let row = state.groups.row(id)
        let present = row.flatMap { state.groups.withFields($0) { $0.version } } ?? 0
        guard let value = opened.value else { return deletion(ofGroup: id, row, present, state) }
        var group = try DirectoryGroupRecord(serializedBytes: value).group
        let subject = "group \(group.displayName)"
        guard present == base else { return Decision(outcome: opened.conflict(subject)) }
        group.version = present + 1
        try group.validate()
        do {
            try group.checkUnique(in: state, except: row)
        } catch let error as RPCError {
            return Decision(outcome: opened.outcome(.refused, subject, error.message))
        }
        return Decision(
            outcome: opened.outcome(.applied, subject),
            changes: [.put(DirectoryKey.group(id).text, version: group.version, try group.record)],
            claims: group.claims)
    }

    private func deletion(
        ofGroup id: Identifier, _ row: UInt32?, _ present: UInt64, _ state: DirectoryState
    ) -> Decision {
        let subject = "group \(id.text)"
        guard let row else { return Decision(outcome: opened.outcome(.same, subject)) }
        guard present == base else { return Decision(outcome: opened.conflict(subject)) }
        let members = state.memberships.indexes(ofGroup: row)
        guard members.count < UserList.countMax - 10 else {
            return Decision(
                outcome: opened.outcome(
                    .refused, subject, "It has too many members to end at once: delete it anew."))
        }
        return Decision(
            outcome: opened.outcome(.applied, subject),
            changes: members.map { state.endOfMembership($0) }
                + [.delete(DirectoryKey.group(id).text, version: present + 1)])
    }

    private func member(
        _ group: Identifier, _ user: Identifier, _ state: DirectoryState
    ) throws -> Decision {
        let subject = "membership of \(user.text) in \(group.text)"
        let userRow = state.users.row(user)
        let groupRow = state.groups.row(group)
        let index = userRow.flatMap { userRow in
            groupRow.flatMap { state.memberships.find(user: userRow, group: $0) }
        }
        let next = state.nextMembershipVersion(group: group, user: user)
        guard opened.value != nil else {
            guard let index else { return Decision(outcome: opened.outcome(.same, subject)) }
            guard next == base + 1 else { return Decision(outcome: opened.conflict(subject)) }
            return Decision(
                outcome: opened.outcome(.applied, subject), changes: [state.endOfMembership(index)])
        }
        if index != nil { return Decision(outcome: opened.outcome(.same, subject)) }
        guard let userRow, groupRow != nil else {
            return Decision(
                outcome: opened.outcome(.refused, subject, "The user or the group does not exist."))
        }
        guard next == base + 1 else { return Decision(outcome: opened.conflict(subject)) }
        return Decision(
            outcome: opened.outcome(.applied, subject),
            changes: [try state.newMembership(userRow, group: group)],
            needs: [DirectoryKey.user(user).text, DirectoryKey.group(group).text])
    }
}
