import Contracts
import RPC
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

@testable import DirectoryService

@Suite("Users", .timeLimit(.minutes(2)))
struct UserTests {
    let world = World()

    @Test("a user name in use is refused in any case, naming its holder")
    func duplicateName() async throws {
        try await world.withDirectory { directory in
            let user = try await directory.create("Zoë.Müller@example.com").user
            for name in ["zoë.müller@example.com", "ZOË.MÜLLER@EXAMPLE.COM"] {
                let error = await failure { try await directory.create(name) }
                #expect(error?.code == .alreadyExists)
                #expect(error?.reason == "USER_NAME_TAKEN")
                #expect(error?.metadata["user-id"] == user.userID)
            }
            let refused = world.events("CreateUser").filter { !$0.errorCode.isEmpty }
            #expect(refused.map(\.errorCode) == ["USER_NAME_TAKEN", "USER_NAME_TAKEN"])
        }
    }

    @Test("an external ID in use is refused; user names differ from it")
    func duplicateExternalID() async throws {
        try await world.withDirectory { directory in
            _ = try await directory.create("a", externalID: "00u1")
            let error = await failure { try await directory.create("b", externalID: "00u1") }
            #expect(error?.reason == "EXTERNAL_ID_TAKEN")
            _ = try await directory.create("b", externalID: "00U1")
        }
    }

    @Test(
        "user names that are empty, too long, reserved or hold blanks are refused",
        arguments: [
            "", "Administrator", "awsadministrators", "a b", "tab\tname", "line\nname", "a\u{0}b",
            "a\u{200b}b", String(repeating: "x", count: 129),
        ])
    func invalidNames(_ name: String) async throws {
        try await world.withDirectory { directory in
            let error = await failure { try await directory.create(name) }
            #expect(error?.code == .invalidArgument)
            #expect(world.log.appends == 0)
        }
    }

    @Test("attributes over their limits are refused with the field's name")
    func invalidAttributes() async throws {
        try await world.withDirectory { directory in
            var many = DirectoryCreateUserRequest()
            many.user = .named("many")
            many.user.emails = (0..<11).map { index in
                var email = DirectoryEmail()
                email.value = "\(index)@example.com"
                return email
            }
            var primaries = DirectoryCreateUserRequest()
            primaries.user = .named("primaries")
            primaries.user.emails = (0..<2).map { index in
                var email = DirectoryEmail()
                email.value = "\(index)@example.com"
                email.primary = true
                return email
            }
            var long = DirectoryCreateUserRequest()
            long.user = .named("long")
            long.user.title = String(repeating: "t", count: 1_025)
            var photo = DirectoryCreateUserRequest()
            photo.user = .named("photo")
            photo.user.photos = [DirectoryPhoto()]
            var roles = DirectoryCreateUserRequest()
            roles.user = .named("roles")
            roles.user.roles = (0..<11).map { index in .with { $0.value = "\(index)" } }
            var day = DirectoryCreateUserRequest()
            day.user = .named("day")
            day.user.birthdate = "1990-13-01"
            for (request, field) in [
                (many, "emails"), (primaries, "emails"), (long, "title"), (photo, "photos.value"),
                (roles, "roles"), (day, "birthdate"),
            ] {
                let error = await failure { try await directory.client.createUser(request) }
                #expect(error?.reason == "INVALID_ATTRIBUTE")
                #expect(error?.metadata["field"] == field)
            }
        }
    }

    @Test(
        "days are YYYY-MM-DD",
        arguments: [
            "1990-2-03", "90-02-03", "1990-02-32", "1990-00-01", "1990-02-03 ", "+990-02-03",
        ])
    func noDays(text: String) {
        #expect(throws: RPCError.self) { try AttributeRules.checkDay(text, "birthdate") }
        #expect(throws: Never.self) { try AttributeRules.checkDay("1990-02-28", "birthdate") }
    }

    @Test("a user is found by ID, name, external ID and e-mail address")
    func lookUps() async throws {
        try await world.withDirectory { directory in
            let created = try await directory.create(
                "anna", externalID: "00u7", email: "Anna@Example.com")
            let user = created.user
            #expect(user.version == 1)
            #expect(user.createdAtUs > 0)
            #expect(try await directory.get(user.userID) == user)
            #expect(try await directory.get(user.userID.uppercased()) == user)
            #expect(try await directory.find(.userName("ANNA")) == user)
            #expect(try await directory.find(.externalID("00u7")) == user)
            #expect(try await directory.find(.email("anna@example.COM")) == user)
            for id in ["", "x", "00000000-0000-4000-8000-000000000000"] {
                #expect(await failure { try await directory.get(id) }?.code == .notFound)
            }
            #expect(await failure { try await directory.find(.userName("ann")) }?.code == .notFound)
        }
    }

    @Test("an update replaces the user, frees old names and counts the version")
    func update() async throws {
        try await world.withDirectory { directory in
            let first = try await directory.create("old", externalID: "x1").user
            var request = DirectoryUpdateUserRequest()
            request.user = .named("new")
            request.user.userID = first.userID
            request.expectedVersion = 1
            let updated = try await directory.client.updateUser(request).user
            #expect(updated.version == 2)
            #expect(updated.createdAtUs == first.createdAtUs)
            #expect(try await directory.get(first.userID) == updated)
            #expect(await failure { try await directory.find(.userName("old")) }?.code == .notFound)
            #expect(await failure { try await directory.find(.externalID("x1")) } != nil)
            let error = await failure { try await directory.client.updateUser(request) }
            #expect(error?.code == .aborted)
            #expect(error?.reason == "VERSION_CHANGED")
            _ = try await directory.create("old", externalID: "x1")
            request.expectedVersion = 0
            request.user.userName = "OLD"
            let taken = await failure { try await directory.client.updateUser(request) }
            #expect(taken?.reason == "USER_NAME_TAKEN")
        }
    }

    @Test("a deleted user is gone from everywhere, with its memberships, in one commit")
    func delete() async throws {
        try await world.withDirectory { directory in
            let user = try await directory.create("anna", externalID: "x").user
            let other = try await directory.create("bert").user
            let group = try await directory.createGroup("all", [user.userID, other.userID]).group
            let before = world.log.appends
            var request = DirectoryDeleteUserRequest()
            request.userID = user.userID
            _ = try await directory.client.deleteUser(request)
            #expect(world.log.appends == before + 1)
            #expect(await failure { try await directory.get(user.userID) }?.code == .notFound)
            #expect(try await directory.members(of: group.groupID) == [other.userID])
            #expect(
                await failure { try await directory.client.deleteUser(request) }?.code == .notFound)
            _ = try await directory.create("anna", externalID: "x")
        }
    }

    @Test("64 callers create users; each can be read with its position in the other Region")
    func concurrency() async throws {
        let replica = Directory(world.other)
        try await world.withDirectory { directory in
            try await withRunning(replica.module.run) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<64 {
                        group.addTask {
                            for step in 0..<5 {
                                let created = try await directory.create("user-\(caller)-\(step)")
                                let read = try await directory.get(created.user.userID)
                                #expect(read == created.user)
                                let there = try await eventuallyValue {
                                    try await replica.get(
                                        created.user.userID, atLeast: created.position)
                                }
                                #expect(there == created.user)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(world.log.appends < 320)
                #expect(world.events("CreateUser").count == 320)
            }
        }
    }

    @Test("of 64 callers that want one name one gets it")
    func oneName() async throws {
        try await world.withDirectory { directory in
            let won = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<64 {
                    group.addTask {
                        (try? await directory.create("the-one")) != nil
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(won == 1)
        }
    }

    @Test("the trail names no personal data")
    func trail() async throws {
        try await world.withDirectory { directory in
            let user = try await directory.create("secret.name@example.com").user
            let event = try #require(world.events("CreateUser").first)
            #expect(event.eventSource == "identitystore.amazonaws.com")
            #expect(event.requestParametersJson.contains("HIDDEN_DUE_TO_SECURITY_REASONS"))
            #expect(!event.requestParametersJson.contains("secret"))
            #expect(event.responseElementsJson.contains(user.userID))
        }
    }
}

/// Tries again while the state is loading.
func eventuallyValue<Value>(_ read: () async throws -> Value) async throws -> Value {
    for _ in 0..<1_000 {
        do {
            return try await read()
        } catch let error as RPCError where error.reason == "STATE_LOADING" {
            try await Task.sleep(for: .milliseconds(10))
        }
    }
    return try await read()
}
