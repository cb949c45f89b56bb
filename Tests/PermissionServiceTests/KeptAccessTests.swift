import Contracts
import PermissionService
import RPC
import ReplicatedStateTesting
import Testing

@Suite("Access that is kept", .timeLimit(.minutes(2)))
struct KeptAccessTests {
    static let account = "111111111111"
    let world = World()

    @Test("nothing is kept while the directory does not tell what changes")
    func unheard() async throws {
        world.directory.speak(.refused)
        try await withRole { permissions in
            for _ in 0..<5 { _ = try await permissions.access(World.anna) }
            #expect(world.directory.asked.count == 5)
            world.directory.speak(.clear)
            try await keep(World.anna, permissions)
        }
    }

    @Test("within a second of silence the directory is asked again")
    func silence() async throws {
        try await withRole { permissions in
            try await keep(World.anna, permissions)
            world.directory.speak(.silent)
            world.directory.add(group: World.admins)
            let isGone = try await eventually(within: .seconds(10)) {
                try await permissions.access(World.anna).accounts.isEmpty
            }
            #expect(isGone)
        }
    }

    @Test(
        "who leaves a group, is disabled or deleted loses what was kept",
        arguments: ["left", "disabled", "deleted", "left, by another spelling"])
    func personChanges(_ change: String) async throws {
        try await withRole { permissions in
            let isSpeltOtherwise = change.hasSuffix("spelling")
            let id = isSpeltOtherwise ? World.cleo.uppercased() : World.anna
            if isSpeltOtherwise {
                #expect(try await permissions.access(id).accounts.count == 1)
            } else {
                try await keep(id, permissions)
            }
            switch change {
            case "disabled": world.directory.add(user: World.anna, enabled: false)
            case "deleted": world.directory.remove(user: World.anna)
            default: world.directory.add(group: World.admins)
            }
            let reasons = ["disabled": "USER_DISABLED", "deleted": "USER_NOT_FOUND"]
            let isSeen = await eventually(within: .seconds(10)) {
                do {
                    return try await permissions.access(id).accounts.isEmpty
                        && reasons[change] == nil
                } catch {
                    return (error as? RPCError)?.reason == reasons[change]
                }
            }
            #expect(isSeen)
        }
    }

    @Test("what changes in this service is seen by the next call")
    func permissionChanges() async throws {
        try await withRole { permissions in
            let set = try await permissions.createSet("Auditor")
            for type in [PermissionPrincipalType.user, .group] {
                let id = type == .user ? World.anna : World.admins
                try await keep(World.anna, permissions)
                _ = try await permissions.assign(set, in: Self.account, to: type, id)
                #expect(try await permissions.roles(World.anna) == ["Auditor", "ReadOnly"])
                try await keep(World.anna, permissions)
                try await permissions.unassign(set, in: Self.account, from: type, id)
                #expect(try await permissions.roles(World.anna) == ["ReadOnly"])
            }
            _ = try await permissions.assign(set, in: Self.account, to: .group, World.admins)
            try await keep(World.anna, permissions)
            var update = PermissionUpdatePermissionSetRequest()
            update.permissionSet = set
            update.permissionSet.description_p = "Reads the trail"
            _ = try await permissions.client.updatePermissionSet(update)
            let roles = try await permissions.access(World.anna).accounts.first?.roles
            #expect(roles?.first?.description_p == "Reads the trail")
            try await keep(World.anna, permissions)
            _ = try await permissions.putAccount(Self.account, "Renamed")
            let renamed = try await permissions.access(World.anna).accounts.first?.account.name
            #expect(renamed == "Renamed")
        }
    }

    @Test("an application that is assigned, or closed, is seen by the next call")
    func applicationChanges() async throws {
        try await withRole { permissions in
            var application = try await permissions.createApplication("wiki").application
            try await keep(World.anna, permissions)
            _ = try await permissions.assignApplication(
                application.applicationArn, to: .group, World.admins)
            #expect(try await permissions.access(World.anna).applications == [application])
            try await keep(World.anna, permissions)
            application.status = .disabled
            var update = PermissionUpdateApplicationRequest()
            update.application = application
            _ = try await permissions.client.updateApplication(update)
            #expect(try await permissions.access(World.anna).applications.isEmpty)
        }
    }

    @Test("what is assigned to others leaves it kept")
    func others() async throws {
        try await withRole { permissions in
            let set = try await permissions.createSet("Auditor")
            world.directory.add(user: "44444444-4444-4444-8444-444444444444")
            try await keep(World.anna, permissions)
            let asked = world.directory.asked.count
            _ = try await permissions.assign(set, in: Self.account, to: .user, World.bert)
            #expect(try await permissions.roles(World.anna) == ["ReadOnly"])
            #expect(world.directory.asked.count == asked)
        }
    }

    @Test("a role is checked without asking the directory, until it tells of a change")
    func role() async throws {
        try await withRole { permissions in
            _ = try await permissions.role(World.anna, Self.account, "ReadOnly")
            try await keep(World.anna, permissions)
            let asked = world.directory.asked.count
            let role = try await permissions.role(World.anna, Self.account, "ReadOnly")
            #expect(role.account.accountID == Self.account)
            let other = await failure {
                try await permissions.role(World.anna, Self.account, "Unknown")
            }
            #expect(other?.reason == "ROLE_NOT_ASSIGNED")
            #expect(world.directory.asked.count == asked)
            // What is given here counts at once.
            let set = try await permissions.createSet("Auditor")
            _ = try await permissions.assign(set, in: Self.account, to: .group, World.admins)
            _ = try await permissions.role(World.anna, Self.account, "Auditor")
            try await permissions.unassign(set, in: Self.account, from: .group, World.admins)
            let taken = await failure {
                try await permissions.role(World.anna, Self.account, "Auditor")
            }
            #expect(taken?.reason == "ROLE_NOT_ASSIGNED")
            // And what the directory takes, as soon as it is heard.
            world.directory.add(user: World.anna, enabled: false)
            let isOver = await eventually(within: .seconds(10)) {
                await failure {
                    try await permissions.role(World.anna, Self.account, "ReadOnly")
                }?.reason == "USER_DISABLED"
            }
            #expect(isOver)
        }
    }

    @Test("a demanded position is demanded of the directory too, and one it does not follow is not")
    func position() async throws {
        try await withRole { permissions in
            try await keep(World.anna, permissions)
            let control = try await permissions.putAccount("222222222222", "Other")
            #expect(try await permissions.access(World.anna, atLeast: control).accounts.count == 1)
            #expect(world.directory.asked.last == control)
            let wiki = try await permissions.createApplication("wiki").position
            _ = try await permissions.access(World.anna, atLeast: wiki)
            #expect(world.directory.asked.last == LogPosition())
            var ahead = control
            ahead.sequence += 1_000
            let error = await failure {
                try await permissions.access(World.anna, atLeast: ahead, timeout: .seconds(1))
            }
            #expect(error?.reason == "NOT_REPLICATED_YET")
        }
    }

    @Test("what is to be kept is asked for where the directory was heard to stand")
    func heardPosition() async throws {
        try await withRole { permissions in
            var position = LogPosition()
            position.stream = "control"
            position.sequence = 7
            world.directory.stand(at: position)
            let isAsked = try await eventually(within: .seconds(10)) {
                _ = try await permissions.access(World.cleo.uppercased())
                return world.directory.asked.last?.sequence == 7
            }
            #expect(isAsked)
        }
    }

    @Test("nothing that is kept is told while the key is disabled")
    func disabledKey() async throws {
        let permissions = Permissions(world.primary, world.directory, hold: .milliseconds(400))
        try await withRunning(permissions.module.run) {
            #expect(await permissions.isReady())
            try await assignRole(permissions)
            try await keep(World.anna, permissions)
            world.primary.keys.fail(FakeKeys.disabled)
            let isClosed = await eventually {
                await failure { try await permissions.access(World.anna) }?.reason
                    == "DisabledException"
            }
            #expect(isClosed)
            world.primary.keys.fail(nil)
            #expect(await permissions.isReady())
            #expect(try await permissions.roles(World.anna) == ["ReadOnly"])
            try await keep(World.anna, permissions)
        }
    }

    /// Anna has a role by her group.
    private func withRole(_ body: (Permissions) async throws -> Void) async throws {
        try await world.withPermissions { permissions in
            try await assignRole(permissions)
            try await body(permissions)
        }
    }

    private func assignRole(_ permissions: Permissions) async throws {
        _ = try await permissions.putAccount(Self.account, "Payments")
        let set = try await permissions.createSet("ReadOnly")
        _ = try await permissions.assign(set, in: Self.account, to: .group, World.admins)
    }

    /// Asks until the answer comes without a question to the directory.
    private func keep(_ id: String, _ permissions: Permissions) async throws {
        let isKept = try await eventually(within: .seconds(10)) {
            let asked = world.directory.asked.count
            _ = try await permissions.access(id)
            return world.directory.asked.count == asked
        }
        #expect(isKept)
    }
}

extension Permissions {
    fileprivate func roles(_ user: String) async throws -> [String] {
        try await access(user).accounts.flatMap { $0.roles.map(\.permissionSetName) }
    }
}
