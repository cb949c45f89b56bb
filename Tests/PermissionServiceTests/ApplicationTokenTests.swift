import Contracts
import PermissionService
import RPC
import ReplicatedStateTesting
import Testing

@Suite("Client tokens of applications", .timeLimit(.minutes(2)))
struct ApplicationTokenTests {
    let world = World()

    private func create(
        _ name: String, token: String, _ permissions: Permissions
    ) async throws -> PermissionApplication {
        var request = PermissionCreateApplicationRequest()
        request.application.name = name
        request.application.supportsCustomerManagedKeys = true
        request.clientToken = token
        return try await permissions.client.createApplication(request).application
    }

    @Test(
        "tokens that are no printable ASCII of at most 64 characters are refused",
        arguments: ["two words", "tab\t", "\u{e9}", String(repeating: "t", count: 65)])
    func malformed(_ token: String) async throws {
        try await world.withPermissions { permissions in
            let error = await failure { try await create("wiki", token: token, permissions) }
            #expect(error?.reason == "CLIENT_TOKEN_INVALID")
        }
    }

    @Test("a token that made another application is refused, and nothing is made")
    func reused() async throws {
        try await world.withPermissions { permissions in
            _ = try await create("wiki", token: "once", permissions)
            let error = await failure { try await create("other", token: "once", permissions) }
            #expect(error?.code == .alreadyExists)
            #expect(error?.reason == "CLIENT_TOKEN_REUSED")
            let listed = try await permissions.client.listApplications(.init()).applications
            #expect(listed.map(\.name) == ["wiki"])
        }
    }

    @Test("the same request again gives the same application, however many come at once")
    func repeated() async throws {
        try await world.withPermissions { permissions in
            let made = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await create("wiki", token: "once", permissions).applicationArn
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(made.count == 1)
            #expect(try await permissions.client.listApplications(.init()).applications.count == 1)
            let told = world.log.events.filter { $0.eventName == "CreateApplication" }
            #expect(told.count == 20)
            #expect(Set(told.map(\.responseElementsJson)).count == 1)
            let others = [
                try await create("wiki", token: "", permissions).applicationArn,
                try await create("wiki", token: "", permissions).applicationArn,
            ]
            #expect(made.union(others).count == 3)
        }
    }

    @Test("a token is remembered over changes and a restart, and goes with the application")
    func remembered() async throws {
        let first = try await world.withPermissions { permissions in
            let first = try await create("wiki", token: "once", permissions)
            var update = PermissionUpdateApplicationRequest()
            update.application = first
            update.application.name = "handbook"
            _ = try await permissions.client.updateApplication(update)
            try await permissions.requireAssignment(false, first.applicationArn)
            return first.applicationArn
        }
        world.log.compact("region/eu-central-1")
        try await world.withPermissions { permissions in
            let again = try await create("wiki", token: "once", permissions)
            #expect(again.applicationArn == first)
            #expect(again.name == "handbook")
            #expect(again.assignmentNotRequired)
            var deletion = PermissionDeleteApplicationRequest()
            deletion.applicationArn = first
            _ = try await permissions.client.deleteApplication(deletion)
            let other = try await create("other", token: "once", permissions)
            #expect(other.applicationArn != first)
        }
    }

    @Test("each Region has its own tokens")
    func regions() async throws {
        try await world.withPermissions { primary in
            try await world.withPermissions(in: world.other) { other in
                let here = try await create("wiki", token: "once", primary)
                let there = try await create("wiki", token: "once", other)
                #expect(here.applicationArn != there.applicationArn)
                #expect(there.region == "us-east-1")
            }
        }
    }
}
