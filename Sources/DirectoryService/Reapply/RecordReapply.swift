import Contracts
import RPC
import ReplicatedState
import ServiceKit
import SwiftProtobuf

extension DirectoryServer {
    /// Puts back what a former primary had acknowledged and nobody else had.
    func reapplyRecords(
        _ request: DirectoryReapplyRecordsRequest, context: ServerContext
    ) async throws -> DirectoryReapplyRecordsResponse {
        let parameters = storeParameters.merging(
            ["records": request.records.count, "dryRun": request.dryRun]) { $1 }
        return try await audit.run("ReapplyRecords", context, request: parameters) { actor in
            let (outcomes, position) = try await writer.reapply(
                request.records, isDryRun: request.dryRun, context, plan: RecordReapply.init
            ) { key in
                audit.event(
                    "ReapplyRecord", actor,
                    request: storeParameters.merging(["record": key]) { $1 })
            }
            var response = DirectoryReapplyRecordsResponse()
            response.outcomes = outcomes
            if let position { response.position = position }
            return response
        }
    }
}

/// Decides what becomes of one record in the present state.
struct RecordReapply: ReapplyPlan {
    private let opened: OpenedRecord
    private var base: UInt64 { opened.record.baseVersion }

    init(_ opened: OpenedRecord) { self.opened = opened }

    func problem(_ context: ServerContext) async throws -> String? { nil }

    func decide(_ state: DirectoryState, made: Set<String>) -> ReapplyDecision {
        do {
            switch DirectoryKey(opened.record.key) {
            case .user(let id): return try user(id, state)
            case .group(let id): return try group(id, state)
            case .member(let group, let user): return try member(group, user, state, made)
            case nil: return ReapplyDecision(opened.outcome(.refused, "", "Its kind is not known."))
            }
        } catch let error as RPCError {
            return ReapplyDecision(opened.outcome(.refused, "", error.message))
        } catch {
            return ReapplyDecision(opened.outcome(.refused, "", "It cannot be read."))
        }
    }

    private func user(_ id: Identifier, _ state: DirectoryState) throws -> ReapplyDecision {
        let row = state.users.row(id)
        let present = row.flatMap { state.users.withFields($0) { $0.version } } ?? 0
        guard let value = opened.value else {
            let subject = "user \(id.text)"
            guard let row else { return ReapplyDecision(opened.outcome(.same, subject)) }
            guard present == base else { return ReapplyDecision(opened.conflict(subject)) }
            let ends = state.memberships.indexes(ofUser: row).map { state.endOfMembership($0) }
            return ReapplyDecision(
                opened.outcome(.applied, subject),
                changes: ends + [.delete(DirectoryKey.user(id).text, version: present + 1)])
        }
        var user = try DirectoryUserRecord(serializedBytes: value).user
        let subject = "user \(user.userName)"
        guard present == base else { return ReapplyDecision(opened.conflict(subject)) }
        user.version = present + 1
        try user.validate()
        do {
            try user.checkUnique(in: state, except: row)
        } catch let error as RPCError {
            return ReapplyDecision(opened.outcome(.refused, subject, error.message))
        }
        return ReapplyDecision(
            opened.outcome(.applied, subject),
            changes: [.put(DirectoryKey.user(id).text, version: user.version, try user.record)],
            claims: user.claims)
    }

    private func group(_ id: Identifier, _ state: DirectoryState) throws -> ReapplyDecision {
        let row = state.groups.row(id)
        let present = row.flatMap { state.groups.withFields($0) { $0.version } } ?? 0
        guard let value = opened.value else { return deletion(ofGroup: id, row, present, state) }
        var group = try DirectoryGroupRecord(serializedBytes: value).group
        let subject = "group \(group.displayName)"
        guard present == base else { return ReapplyDecision(opened.conflict(subject)) }
        group.version = present + 1
        try group.validate()
        do {
            try group.checkUnique(in: state, except: row)
        } catch let error as RPCError {
            return ReapplyDecision(opened.outcome(.refused, subject, error.message))
        }
        return ReapplyDecision(
            opened.outcome(.applied, subject),
            changes: [.put(DirectoryKey.group(id).text, version: group.version, try group.record)],
            claims: group.claims)
    }

    private func deletion(
        ofGroup id: Identifier, _ row: UInt32?, _ present: UInt64, _ state: DirectoryState
    ) -> ReapplyDecision {
        let subject = "group \(id.text)"
        guard let row else { return ReapplyDecision(opened.outcome(.same, subject)) }
        guard present == base else { return ReapplyDecision(opened.conflict(subject)) }
        let members = state.memberships.indexes(ofGroup: row)
        guard members.count < UserList.countMax - 10 else {
            return ReapplyDecision(
                opened.outcome(
                    .refused, subject, "It has too many members to end at once: delete it anew."))
        }
        return ReapplyDecision(
            opened.outcome(.applied, subject),
            changes: members.map { state.endOfMembership($0) }
                + [.delete(DirectoryKey.group(id).text, version: present + 1)])
    }

    private func member(
        _ group: Identifier, _ user: Identifier, _ state: DirectoryState, _ made: Set<String>
    ) throws -> ReapplyDecision {
        let subject = "membership of \(user.text) in \(group.text)"
        let userRow = state.users.row(user)
        let groupRow = state.groups.row(group)
        let index = userRow.flatMap { userRow in
            groupRow.flatMap { state.memberships.find(user: userRow, group: $0) }
        }
        let next = state.nextMembershipVersion(group: group, user: user)
        guard let value = opened.value else {
            guard let index else { return ReapplyDecision(opened.outcome(.same, subject)) }
            guard next == base + 1 else { return ReapplyDecision(opened.conflict(subject)) }
            return ReapplyDecision(
                opened.outcome(.applied, subject), changes: [state.endOfMembership(index)])
        }
        if index != nil { return ReapplyDecision(opened.outcome(.same, subject)) }
        let needs = [DirectoryKey.user(user).text, DirectoryKey.group(group).text]
        guard userRow != nil || made.contains(needs[0]), groupRow != nil || made.contains(needs[1])
        else {
            return ReapplyDecision(
                opened.outcome(.refused, subject, "The user or the group does not exist."))
        }
        guard next == base + 1 else { return ReapplyDecision(opened.conflict(subject)) }
        return ReapplyDecision(
            opened.outcome(.applied, subject),
            changes: [.put(opened.record.key, version: next, value)], needs: needs)
    }
}
