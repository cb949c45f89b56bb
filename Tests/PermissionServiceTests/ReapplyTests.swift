import Contracts
import Foundation
import PermissionService
import RPC
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

@Suite("Applying unreplicated permissions again", .timeLimit(.minutes(2)))
struct ReapplyTests {
    private static let account = "111122223333"
    let world = World()

    /// What the log held after a moment, as an export holds it (the newest of each key), taken out of
    /// the log.
    private func cut(after count: Int) -> [StateUnreplicatedRecord] {
        var records: [StateUnreplicatedRecord] = []
        world.log.tamper("control") { entries in
            for entry in entries[count...] {
                let held = records.firstIndex { $0.key == entry.key }
                let record = StateUnreplicatedRecord.with {
                    $0.domain = entry.domain
                    $0.key = entry.key
                    $0.version = entry.version
                    $0.baseVersion = held.map { records[$0].baseVersion } ?? entry.version - 1
                    $0.tombstone = entry.tombstone
                    $0.value = entry.value
                }
                if let held { records[held] = record } else { records.append(record) }
            }
            entries.removeSubrange(count...)
        }
        world.log.rewind("control")
        return records
    }

    private var written: Int { world.log.entries(of: "control").count }

    private func reapply(
        _ records: [StateUnreplicatedRecord], _ permissions: Permissions, dryRun: Bool = false
    ) async throws -> [StateReapplyOutcome] {
        try await permissions.client.reapplyRecords(
            .with {
                $0.records = records
                $0.dryRun = dryRun
            }
        ).outcomes
    }

    private func sets(_ permissions: Permissions) async throws -> [PermissionPermissionSet] {
        try await permissions.client.listPermissionSets(.init()).permissionSets
    }

    private func assignments(
        _ permissions: Permissions
    ) async throws -> [PermissionAccountAssignment] {
        try await permissions.client.listAccountAssignments(.init()).assignments
    }

    @Test("an account, a set and an assignment come back as they were; a dry run writes nothing")
    func comesBack() async throws {
        let (count, set, assignment) = try await world.withPermissions { permissions in
            _ = try await permissions.putAccount("999988887777", "Before")
            let count = written
            _ = try await permissions.putAccount(Self.account, "Lost")
            let set = try await permissions.createSet("Admin")
            let made = try await permissions.assign(set, in: Self.account, to: .user, World.anna)
            return (count, set, made.assignment)
        }
        let records = cut(after: count)
        try await world.withPermissions { permissions in
            let before = written
            let dry = try await reapply(records, permissions, dryRun: true)
            // What is put back first counts for what needs it.
            #expect(dry.map(\.result) == [.applied, .applied, .applied])
            #expect(dry.map(\.subject).contains("permission set Admin"))
            #expect(written == before)
            let outcomes = try await reapply(records, permissions)
            #expect(outcomes.map(\.result) == [.applied, .applied, .applied])
            #expect(try await sets(permissions) == [set])
            #expect(try await assignments(permissions) == [assignment])
            let role = try await permissions.role(World.anna, Self.account, "Admin")
            #expect(role.roleName == assignment.roleName)
            let again = try await reapply(records, permissions)
            #expect(again.map(\.result) == [.conflict, .conflict, .same])
        }
        #expect(world.log.events.filter { $0.eventName == "ReapplyRecord" }.count == 3)
    }

    @Test("what has been changed or taken since stays")
    func conflicts() async throws {
        let (count, kept) = try await world.withPermissions { permissions in
            _ = try await permissions.putAccount(Self.account, "Before")
            let kept = try await permissions.createSet("Kept")
            let count = written
            _ = try await permissions.putAccount(Self.account, "Changed there")
            _ = try await update(kept, "there", permissions)
            _ = try await permissions.createSet("Taken")
            return (count, kept)
        }
        let records = cut(after: count)
        try await world.withPermissions { permissions in
            _ = try await permissions.putAccount(Self.account, "Changed here")
            _ = try await update(kept, "here", permissions)
            let taken = try await permissions.createSet("Taken")
            for dryRun in [true, false] {
                let outcomes = try await reapply(records, permissions, dryRun: dryRun)
                #expect(outcomes.map(\.result) == [.conflict, .conflict, .refused])
                #expect(
                    outcomes.last?.explanation == "The name is in use by another permission set.")
            }
            let sets = try await sets(permissions)
            #expect(sets.first { $0.name == "Kept" }?.description_p == "here")
            #expect(sets.first { $0.name == "Taken" }?.permissionSetArn == taken.permissionSetArn)
        }
    }

    private func update(
        _ set: PermissionPermissionSet, _ description: String, _ permissions: Permissions
    ) async throws -> PermissionUpdatePermissionSetResponse {
        try await permissions.client.updatePermissionSet(
            .with {
                $0.permissionSet = set
                $0.permissionSet.description_p = description
            })
    }

    @Test("an assignment of what is gone, or to somebody who is gone, is refused")
    func missing() async throws {
        let count = try await world.withPermissions { permissions in
            _ = try await permissions.putAccount(Self.account, "A")
            let set = try await permissions.createSet("Admin")
            let count = written
            _ = try await permissions.assign(set, in: Self.account, to: .user, World.anna)
            let other = try await permissions.createSet("Other")
            _ = try await permissions.assign(other, in: Self.account, to: .group, World.admins)
            return count
        }
        let records = cut(after: count)
        world.directory.remove(user: World.anna)
        try await world.withPermissions { permissions in
            let some = [records[0], records[2]]
            for dryRun in [true, false] {
                let outcomes = try await reapply(some, permissions, dryRun: dryRun)
                #expect(outcomes.map(\.result) == [.refused, .refused])
                #expect(outcomes.last?.explanation == "The permission set does not exist.")
            }
            #expect(try await assignments(permissions).isEmpty)
        }
    }

    @Test("the assignments of one role share its name, also when one comes back later")
    func roleName() async throws {
        let (count, set) = try await world.withPermissions { permissions in
            _ = try await permissions.putAccount(Self.account, "A")
            let set = try await permissions.createSet("Admin")
            let count = written
            _ = try await permissions.assign(set, in: Self.account, to: .user, World.anna)
            return (count, set)
        }
        let records = cut(after: count)
        try await world.withPermissions { permissions in
            let made = try await permissions.assign(set, in: Self.account, to: .user, World.cleo)
            #expect(try await reapply(records, permissions).map(\.result) == [.applied])
            let names = Set(try await assignments(permissions).map(\.roleName))
            #expect(names == [made.assignment.roleName])
        }
    }

    @Test("deletions come back, unless something needs what they would delete")
    func deletions() async throws {
        let (count, set) = try await world.withPermissions { permissions in
            _ = try await permissions.putAccount(Self.account, "A")
            let set = try await permissions.createSet("Admin")
            _ = try await permissions.assign(set, in: Self.account, to: .user, World.anna)
            let count = written
            try await permissions.unassign(set, in: Self.account, from: .user, World.anna)
            _ = try await permissions.client.deletePermissionSet(
                .with { $0.permissionSetArn = set.permissionSetArn })
            // Made and deleted again: nobody ever heard of it.
            let brief = try await permissions.createSet("Brief")
            _ = try await permissions.client.deletePermissionSet(
                .with { $0.permissionSetArn = brief.permissionSetArn })
            return (count, set)
        }
        let records = cut(after: count)
        try await world.withPermissions { permissions in
            _ = try await permissions.assign(set, in: Self.account, to: .user, World.cleo)
            let before = written
            let outcomes = try await reapply(records, permissions)
            #expect(outcomes.map(\.result) == [.applied, .refused, .same])
            #expect(written == before + 1)
            #expect(try await assignments(permissions).map(\.principalID) == [World.cleo])
            try await permissions.unassign(set, in: Self.account, from: .user, World.cleo)
            let later = try await reapply(records, permissions)
            #expect(later.map(\.result) == [.same, .applied, .same])
            #expect(try await sets(permissions).isEmpty)
        }
    }

    @Test(
        "a record that was altered, of an unknown kind or another domain, or elsewhere, is refused")
    func refused() async throws {
        let count = try await world.withPermissions { permissions in
            _ = try await permissions.putAccount(Self.account, "A")
            let count = written
            _ = try await permissions.createSet("Admin")
            return count
        }
        var records = cut(after: count)
        records[0].value[records[0].value.count - 1] ^= 1
        try await world.withPermissions { permissions in
            let altered = try await reapply(records, permissions)
            #expect(altered.map(\.result) == [.refused])
            var unknown = records[0]
            unknown.key = "gadget/1"
            unknown.tombstone = true
            let strange = try await reapply([unknown], permissions)
            #expect(strange.map(\.result) == [.same])
            records[0].domain = "directory"
            let foreign = records
            let error = await failure { try await reapply(foreign, permissions) }
            #expect(error?.reason == "INVALID_RECORDS")
        }
        try await world.withPermissions(in: world.other) { permissions in
            let error = await failure { try await reapply([], permissions) }
            #expect(error?.reason == "NOT_PRIMARY")
        }
    }
}
