import Contracts
import RPC
import ReplicatedStateTesting
import Testing

@Suite("Groups and memberships", .timeLimit(.minutes(2)))
struct GroupTests {
    let world = World()

    @Test("an unknown member leaves the group as it was")
    func unknownMember() async throws {
        try await world.withDirectory { directory in
            let user = try await directory.create("anna").user
            let group = try await directory.createGroup("team").group
            let stranger = "00000000-0000-4000-8000-000000000000"
            let error = await failure {
                try await directory.change(group.groupID, add: [user.userID, stranger])
            }
            #expect(error?.code == .notFound)
            #expect(error?.reason == "USER_NOT_FOUND")
            #expect(error?.metadata["user-id"] == stranger)
            #expect(try await directory.members(of: group.groupID).isEmpty)
            let creation = await failure { try await directory.createGroup("x", [stranger]) }
            #expect(creation?.reason == "USER_NOT_FOUND")
        }
    }

    @Test("a group name in use is refused in any case")
    func duplicateName() async throws {
        try await world.withDirectory { directory in
            let group = try await directory.createGroup("Team").group
            let error = await failure { try await directory.createGroup("TEAM") }
            #expect(error?.reason == "GROUP_NAME_TAKEN")
            #expect(error?.metadata["group-id"] == group.groupID)
        }
    }

    @Test("adding twice and removing who is not in are harmless")
    func harmless() async throws {
        try await world.withDirectory { directory in
            let user = try await directory.create("anna").user
            let group = try await directory.createGroup("team", [user.userID]).group
            let again = try await directory.change(group.groupID, add: [user.userID])
            #expect(again.added == 0)
            #expect(again.position.sequence > 0)
            let removed = try await directory.change(group.groupID, remove: [user.userID])
            #expect(removed.removed == 1)
            #expect(try await directory.change(group.groupID, remove: [user.userID]).removed == 0)
            #expect(try await directory.groups(of: user.userID).isEmpty)
            // The same membership again, after its end.
            #expect(try await directory.change(group.groupID, add: [user.userID]).added == 1)
            #expect(try await directory.groups(of: user.userID) == [group.groupID])
            let versions = world.log.entries(of: "control")
                .filter { $0.key.hasPrefix("member/") }.map(\.version)
            #expect(versions == [1, 2, 3])
        }
    }

    @Test("replacing all members adds and removes in one commit")
    func replace() async throws {
        try await world.withDirectory { directory in
            var ids: [String] = []
            for index in 0..<6 { ids.append(try await directory.create("u\(index)").user.userID) }
            let group = try await directory.createGroup("team", Array(ids[0..<4])).group
            let changed = try await directory.change(
                group.groupID, add: Array(ids[2..<6]), replaceAll: true)
            #expect(changed.added == 2)
            #expect(changed.removed == 2)
            #expect(try await directory.members(of: group.groupID) == ids[2..<6].sorted())
            var request = DirectoryGetGroupRequest()
            request.groupID = group.groupID
            let read = try await directory.client.getGroup(request)
            #expect(read.memberCount == 4)
            #expect(read.group == group)
        }
    }

    @Test("members are listed in pages, each once")
    func pages() async throws {
        try await world.withDirectory { directory in
            var ids: [String] = []
            for index in 0..<25 { ids.append(try await directory.create("u\(index)").user.userID) }
            let group = try await directory.createGroup("team", ids).group
            var request = DirectoryListMembersRequest()
            request.groupID = group.groupID
            request.pageSize = 10
            var seen: [String] = []
            repeat {
                let page = try await directory.client.listMembers(request)
                #expect(page.members.count <= 10)
                seen += page.members.map(\.userID)
                request.pageToken = page.nextPageToken
            } while !request.pageToken.isEmpty
            #expect(seen == ids.sorted())
        }
    }

    @Test("a deleted group ends its memberships")
    func delete() async throws {
        try await world.withDirectory { directory in
            let user = try await directory.create("anna").user
            let group = try await directory.createGroup("team", [user.userID]).group
            var request = DirectoryDeleteGroupRequest()
            request.groupID = group.groupID
            _ = try await directory.client.deleteGroup(request)
            #expect(try await directory.groups(of: user.userID).isEmpty)
            #expect(await failure { try await directory.members(of: group.groupID) } != nil)
            _ = try await directory.createGroup("team")
        }
    }

    @Test("a group with more members than one commit holds can be filled and deleted")
    func largeGroup() async throws {
        try await world.withDirectory { directory in
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                var ids: [String] = []
                for index in 0..<10_050 {
                    if index >= 256, let id = try await group.next() { ids.append(id) }
                    group.addTask { try await directory.create("u\(index)").user.userID }
                }
                for try await id in group { ids.append(id) }
                return ids
            }
            #expect(ids.count == 10_050)
            let tooMany = await failure { try await directory.createGroup("all", ids + ids) }
            #expect(tooMany?.reason == "TOO_MANY_MEMBERS")
            let group = try await directory.createGroup("all", Array(ids.prefix(9_000))).group
            _ = try await directory.change(group.groupID, add: Array(ids.dropFirst(9_000)))
            var request = DirectoryDeleteGroupRequest()
            request.groupID = group.groupID
            _ = try await directory.client.deleteGroup(request, options: .long)
            let status = try await directory.client.getStatus(DirectoryGetStatusRequest())
            #expect(status.memberships == 0)
            #expect(status.groups == 0)
        }
    }
}
