import Contracts
import DirectoryService
import Foundation
import RPC
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

@Suite("Applying unreplicated records again", .timeLimit(.minutes(2)))
struct ReapplyTests {
    let world = World()

    /// What the log held after a moment, as an export holds it, taken out of the log.
    private func cut(after count: Int) -> [StateUnreplicatedRecord] {
        var records: [StateUnreplicatedRecord] = []
        world.log.tamper("control") { entries in
            for entry in entries[count...] {
                records.append(
                    .with {
                        $0.domain = entry.domain
                        $0.key = entry.key
                        $0.version = entry.version
                        $0.baseVersion = entry.version - 1
                        $0.tombstone = entry.tombstone
                        $0.value = entry.value
                    })
            }
            entries.removeSubrange(count...)
        }
        world.log.rewind("control")
        return records
    }

    private func reapply(
        _ records: [StateUnreplicatedRecord], _ directory: Directory, dryRun: Bool = false
    ) async throws -> [StateReapplyOutcome] {
        try await directory.client.reapplyRecords(
            .with {
                $0.records = records
                $0.dryRun = dryRun
            }, options: .long
        ).outcomes
    }

    @Test("people, groups and memberships come back with their IDs; a dry run writes nothing")
    func comesBack() async throws {
        let (count, user, group) = try await world.withDirectory { directory in
            _ = try await directory.create("before")
            let count = world.log.entries(of: "control").count
            let user = try await directory.create("lost").user.userID
            let group = try await directory.createGroup("team", [user]).group.groupID
            return (count, user, group)
        }
        let records = cut(after: count)
        try await world.withDirectory { directory in
            let before = await failure { try await directory.get(user) }
            #expect(before?.reason == "USER_NOT_FOUND")
            let dry = try await reapply(records, directory, dryRun: true)
            // What is put back first counts for what needs it.
            #expect(dry.map(\.result) == [.applied, .applied, .applied])
            #expect(dry.first?.subject == "user lost")
            let untouched = await failure { try await directory.get(user) }
            #expect(untouched?.reason == "USER_NOT_FOUND")
            let outcomes = try await reapply(records, directory)
            #expect(outcomes.map(\.result) == [.applied, .applied, .applied])
            #expect(try await directory.get(user).userName == "lost")
            #expect(try await directory.members(of: group) == [user])
            let again = try await reapply(records, directory)
            #expect(again.map(\.result) == [.conflict, .conflict, .same])
        }
    }

    @Test("what has been changed since stays, and what makes no sense any more is refused")
    func conflicts() async throws {
        let (count, kept) = try await world.withDirectory { directory in
            let kept = try await directory.create("kept").user.userID
            let count = world.log.entries(of: "control").count
            _ = try await update(kept, "changed-before", directory)
            _ = try await directory.create("taken")
            let gone = try await directory.create("gone").user.userID
            _ = try await directory.createGroup("team", [gone])
            return (count, kept)
        }
        let records = cut(after: count)
        try await world.withDirectory { directory in
            _ = try await update(kept, "changed-since", directory)
            _ = try await directory.create("taken")
            // The update, a name that is taken by now, and a membership of what does not exist.
            let some = [records[0], records[1], records[4]]
            let outcomes = try await reapply(some, directory)
            #expect(outcomes.map(\.result) == [.conflict, .refused, .refused])
            #expect(try await directory.get(kept).userName == "changed-since")
        }
    }

    @Test("a record that was altered, or of another domain, or outside the primary, is refused")
    func refused() async throws {
        let (count, _) = try await world.withDirectory { directory in
            _ = try await directory.create("before")
            let count = world.log.entries(of: "control").count
            return (count, try await directory.create("lost"))
        }
        var records = cut(after: count)
        records[0].value[records[0].value.count - 1] ^= 1
        try await world.withDirectory { directory in
            let altered = try await reapply(records, directory)
            #expect(altered.map(\.result) == [.refused])
            records[0].domain = "permission"
            let foreign = records
            let error = await failure { try await reapply(foreign, directory) }
            #expect(error?.reason == "INVALID_RECORDS")
        }
        let replica = Directory(world.other)
        try await withRunning(replica.module.run) {
            #expect(await replica.isReady())
            let error = await failure { try await reapply([], replica) }
            #expect(error?.reason == "NOT_PRIMARY")
        }
    }

    private func update(
        _ id: String, _ name: String, _ directory: Directory
    ) async throws -> DirectoryUpdateUserResponse {
        var request = DirectoryUpdateUserRequest()
        request.user = .named(name)
        request.user.userID = id
        return try await directory.client.updateUser(request, options: .long)
    }
}
