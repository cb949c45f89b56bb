import Contracts
import RPC
import ReplicatedState
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

@testable import DirectoryService

@Suite("Memberships by their own IDs", .timeLimit(.minutes(2)))
struct MembershipTests {
    let world = World()
    private static let stranger = "00000000-0000-4000-8000-000000000000"

    @Test("a group or a user that is not there is named; who is in the group already is a conflict")
    func refusals() async throws {
        try await world.withDirectory { directory in
            let user = try await directory.create("anna").user.userID
            let group = try await directory.createGroup("team").group.groupID
            let made = try await directory.join(group, user)
            for (group, user, reason) in [
                (Self.stranger, user, "GROUP_NOT_FOUND"), ("x", user, "GROUP_NOT_FOUND"),
                (group, Self.stranger, "USER_NOT_FOUND"), (group, "", "USER_NOT_FOUND"),
                (group, user, "MEMBERSHIP_EXISTS"),
            ] {
                let error = await failure { try await directory.join(group, user) }
                #expect(error?.reason == reason)
                if reason == "MEMBERSHIP_EXISTS" {
                    #expect(error?.metadata["membership-id"] == made.membershipID)
                }
            }
            for id in [Self.stranger, "", group] {
                let read = await failure { try await directory.membership(id) }
                #expect(read?.reason == "MEMBERSHIP_NOT_FOUND")
                let ending = await failure { try await directory.leave(id) }
                #expect(ending?.reason == "MEMBERSHIP_NOT_FOUND")
            }
            #expect(world.events("CreateGroupMembership").count == 6)
        }
    }

    @Test("a membership is found by its ID until it ends, however it came and went")
    func life() async throws {
        try await world.withDirectory { directory in
            let user = try await directory.create("anna").user.userID
            let group = try await directory.createGroup("team").group.groupID
            let made = try await directory.join(group, user)
            #expect(made.groupID == group && made.userID == user)
            #expect(abs(made.createdAtUs - Timestamp.nowMicroseconds) < 60_000_000)
            #expect(try await directory.membership(made.membershipID) == made)
            #expect(try await directory.membership(made.membershipID.uppercased()) == made)
            try await directory.leave(made.membershipID)
            #expect(await failure { try await directory.membership(made.membershipID) } != nil)
            #expect(try await directory.members(of: group).isEmpty)
            _ = try await directory.change(group, add: [user])
            let listed = try await directory.memberships(of: group)
            #expect(listed != [made.membershipID])
            #expect(try await directory.membership(listed[0]).userID == user)
            _ = try await directory.change(group, remove: [user])
            #expect(await failure { try await directory.leave(listed[0]) } != nil)
            let versions = world.log.entries(of: "control")
                .filter { $0.key.hasPrefix("member/") }.map(\.version)
            #expect(versions == [1, 2, 3, 4])
        }
    }

    @Test("of 16 callers that add one person one makes the membership")
    func oneMembership() async throws {
        try await world.withDirectory { directory in
            let user = try await directory.create("anna").user.userID
            let group = try await directory.createGroup("team").group.groupID
            let made = await withTaskGroup(of: DirectoryMembership?.self) { tasks in
                for _ in 0..<16 {
                    tasks.addTask { try? await directory.join(group, user) }
                }
                var made: [DirectoryMembership] = []
                for await membership in tasks.compactMap({ $0 }) { made.append(membership) }
                return made
            }
            #expect(made.count == 1)
            #expect(try await directory.memberships(of: group) == made.map(\.membershipID))
        }
    }

    @Test("the trail says whose membership was ended")
    func trail() async throws {
        try await world.withDirectory { directory in
            let user = try await directory.create("anna").user.userID
            let group = try await directory.createGroup("team").group.groupID
            let made = try await directory.join(group, user)
            try await directory.leave(made.membershipID)
            let began = try #require(world.events("CreateGroupMembership").first)
            #expect(began.requestParametersJson.contains(user))
            #expect(began.responseElementsJson.contains(made.membershipID))
            let ended = try #require(world.events("DeleteGroupMembership").first)
            #expect(ended.requestParametersJson.contains(made.membershipID))
            #expect(ended.responseElementsJson.contains(user))
            #expect(ended.responseElementsJson.contains(group))
        }
    }

    @Test("a user and a group are not deleted when another version was meant")
    func versions() async throws {
        try await world.withDirectory { directory in
            let user = try await directory.create("anna").user.userID
            let group = try await directory.createGroup("team").group.groupID
            let deleteUser: @Sendable (UInt64) async throws -> Void = { version in
                _ = try await directory.client.deleteUser(
                    .with {
                        $0.userID = user
                        $0.expectedVersion = version
                    }, options: .long)
            }
            let deleteGroup: @Sendable (UInt64) async throws -> Void = { version in
                _ = try await directory.client.deleteGroup(
                    .with {
                        $0.groupID = group
                        $0.expectedVersion = version
                    }, options: .long)
            }
            for delete in [deleteUser, deleteGroup] {
                #expect(await failure { try await delete(2) }?.reason == "VERSION_CHANGED")
                try await delete(1)
                #expect(await failure { try await delete(1) }?.code == .notFound)
            }
        }
    }

    @Test("the index by ID follows a membership that is made anew under another ID")
    func index() throws {
        var table = MembershipTable()
        let ids = (0..<4).map { Identifier(high: UInt64($0), low: 7) }
        table.insert(user: 0, group: 0, id: ids[0], version: 1)
        #expect(table.find(id: ids[1]) == nil)
        #expect(table.find(id: ids[0]) == table.find(user: 0, group: 0))
        table.insert(user: 0, group: 0, id: ids[1], version: 2)
        #expect(table.find(id: ids[0]) == nil)
        #expect(table.find(id: ids[1]) == table.find(user: 0, group: 0))
        table.remove(user: 0, group: 0)
        table.insert(user: 1, group: 0, id: ids[2], version: 1)
        #expect(table.find(id: ids[1]) == nil)
        #expect(table.find(id: ids[2]) == table.find(user: 1, group: 0))
    }
}

extension Directory {
    fileprivate func join(_ group: String, _ user: String) async throws -> DirectoryMembership {
        try await client.createMembership(
            .with {
                $0.groupID = group
                $0.userID = user
            }, options: .long
        ).membership
    }

    fileprivate func leave(_ id: String) async throws {
        _ = try await client.deleteMembership(.with { $0.membershipID = id }, options: .long)
    }

    fileprivate func membership(_ id: String) async throws -> DirectoryMembership {
        try await client.getMembership(.with { $0.membershipID = id }).membership
    }

    fileprivate func memberships(of group: String) async throws -> [String] {
        try await client.listMembers(.with { $0.groupID = group }).members.map(\.membershipID)
    }
}
