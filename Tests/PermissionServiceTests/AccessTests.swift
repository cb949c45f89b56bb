import Contracts
import RPC
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

@Suite("Access to accounts", .timeLimit(.minutes(2)))
struct AccessTests {
    let world = World()

    @Test("an unknown person and a disabled one reach nothing")
    func noAccess() async throws {
        try await world.withPermissions { permissions in
            _ = try await permissions.putAccount("111111111111", "Payments")
            let set = try await permissions.createSet("ReadOnly")
            _ = try await permissions.assign(set, in: "111111111111", to: .user, World.bert)
            let disabled = await failure { try await permissions.access(World.bert) }
            #expect(disabled?.code == .permissionDenied)
            #expect(disabled?.reason == "USER_DISABLED")
            let role = await failure {
                try await permissions.role(World.bert, "111111111111", "ReadOnly")
            }
            #expect(role?.reason == "USER_DISABLED")
            let stranger = await failure {
                try await permissions.access("00000000-0000-4000-8000-000000000000")
            }
            #expect(stranger?.reason == "USER_NOT_FOUND")
        }
    }

    @Test("a role that is not assigned is refused")
    func notAssigned() async throws {
        try await world.withPermissions { permissions in
            _ = try await permissions.putAccount("111111111111", "Payments")
            _ = try await permissions.createSet("ReadOnly")
            for (account, name) in [
                ("111111111111", "ReadOnly"), ("111111111111", "Nothing"), ("9", "ReadOnly"),
            ] {
                let error = await failure { try await permissions.role(World.anna, account, name) }
                #expect(error?.code == .permissionDenied)
                #expect(error?.reason == "ROLE_NOT_ASSIGNED")
            }
            #expect(try await permissions.access(World.anna).accounts.isEmpty)
        }
    }

    @Test("roles are described whoever they are assigned to, by the name of their assignments")
    func described() async throws {
        try await world.withPermissions { permissions in
            _ = try await permissions.putAccount("111111111111", "Payments")
            let read = try await permissions.createSet("ReadOnly")
            let admin = try await permissions.createSet("Administrator")
            let assigned = try await permissions.assign(
                read, in: "111111111111", to: .user, World.anna)
            var request = PermissionDescribeRolesRequest()
            for (account, name) in [
                ("111111111111", "Administrator"), ("111111111111", "ReadOnly"),
                ("111111111111", "Nothing"), ("222222222222", "ReadOnly"),
            ] {
                request.roles.append(
                    .with {
                        $0.accountID = account
                        $0.permissionSetName = name
                    })
            }
            let roles = try await permissions.client.describeRoles(request).roles
            #expect(roles.map(\.permissionSet.name) == ["Administrator", "ReadOnly"])
            #expect(roles.last?.roleName == assigned.assignment.roleName)
            let unassigned = "AWSReservedSSO_Administrator_\(admin.permissionSetArn.suffix(16))"
            #expect(roles.first?.roleName == unassigned)
            #expect(roles.first?.roleArn.hasSuffix(unassigned) == true)
            request.roles = Array(repeating: request.roles[0], count: 101)
            let many = request
            let error = await failure { try await permissions.client.describeRoles(many) }
            #expect(error?.reason == "TOO_MANY_ROLES")
        }
    }

    @Test("direct and group assignments add up, in order of account and set name")
    func access() async throws {
        try await world.withPermissions { permissions in
            _ = try await permissions.putAccount("222222222222", "Alpha")
            _ = try await permissions.putAccount("111111111111", "Beta")
            let read = try await permissions.createSet("ReadOnly")
            let admin = try await permissions.createSet("Administrator")
            _ = try await permissions.assign(read, in: "111111111111", to: .user, World.anna)
            _ = try await permissions.assign(read, in: "111111111111", to: .group, World.admins)
            _ = try await permissions.assign(admin, in: "111111111111", to: .group, World.admins)
            _ = try await permissions.assign(read, in: "222222222222", to: .group, World.admins)
            let access = try await permissions.access(World.anna)
            #expect(access.accounts.map(\.account.name) == ["Alpha", "Beta"])
            let roles = access.accounts.last?.roles.map(\.permissionSetName)
            #expect(roles == ["Administrator", "ReadOnly"])
            world.directory.add(group: World.admins, members: [])
            let hasLeft = try await eventually(within: .seconds(5)) {
                let left = try await permissions.access(World.anna)
                return left.accounts.map(\.account.name) == ["Beta"]
                    && left.accounts.first?.roles.map(\.permissionSetName) == ["ReadOnly"]
            }
            #expect(hasLeft)
        }
    }

    @Test("a role keeps its name while one assignment remains, and gets a new one afterwards")
    func roleName() async throws {
        try await world.withPermissions { permissions in
            _ = try await permissions.putAccount("111111111111", "Payments")
            let set = try await permissions.createSet("ReadOnly")
            let first = try await permissions.assign(set, in: "111111111111", to: .user, World.anna)
            let name = first.assignment.roleName
            #expect(name.wholeMatch(of: /AWSReservedSSO_ReadOnly_[0-9a-f]{16}/) != nil)
            let group = try await permissions.assign(
                set, in: "111111111111", to: .group, World.admins)
            #expect(group.assignment.roleName == name)
            let again = try await permissions.assign(set, in: "111111111111", to: .user, World.anna)
            #expect(again.assignment == first.assignment)
            let role = try await permissions.role(World.anna, "111111111111", "ReadOnly")
            #expect(role.roleName == name)
            #expect(
                role.roleArn == "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/"
                    + "eu-central-1/\(name)")
            try await permissions.unassign(set, in: "111111111111", from: .user, World.anna)
            try await permissions.unassign(set, in: "111111111111", from: .group, World.admins)
            let anew = try await permissions.assign(set, in: "111111111111", to: .user, World.anna)
            #expect(anew.assignment.roleName != name)
        }
    }

    @Test("concurrent assignments of one set in one account share one role")
    func concurrentRole() async throws {
        try await world.withPermissions { permissions in
            _ = try await permissions.putAccount("111111111111", "Payments")
            let set = try await permissions.createSet("ReadOnly")
            let ids = (0..<32).map { "00000000-0000-4000-8000-0000000000\($0 + 10)" }
            for id in ids { world.directory.add(user: id) }
            let names = try await withThrowingTaskGroup(of: String.self) { group in
                for id in ids {
                    group.addTask {
                        try await permissions.assign(set, in: "111111111111", to: .user, id)
                            .assignment.roleName
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(names.count == 1)
        }
    }

    @Test("an assignment needs its account, its set and its principal")
    func missingParts() async throws {
        try await world.withPermissions { permissions in
            let set = try await permissions.createSet("ReadOnly")
            let noAccount = await failure {
                try await permissions.assign(set, in: "111111111111", to: .user, World.anna)
            }
            #expect(noAccount?.reason == "ACCOUNT_NOT_FOUND")
            _ = try await permissions.putAccount("111111111111", "Payments")
            let noGroup = await failure {
                try await permissions.assign(set, in: "111111111111", to: .group, World.anna)
            }
            #expect(noGroup?.reason == "PRINCIPAL_NOT_FOUND")
            let noType = await failure {
                try await permissions.assign(set, in: "111111111111", to: .unspecified, World.anna)
            }
            #expect(noType?.reason == "PRINCIPAL_INVALID")
            var unknown = set
            unknown.permissionSetArn += "0"
            let noSet = await failure {
                try await permissions.assign(unknown, in: "111111111111", to: .user, World.anna)
            }
            #expect(noSet?.reason == "PERMISSION_SET_NOT_FOUND")
        }
    }

    @Test("what is in use is not deleted, and a taken name is refused")
    func inUse() async throws {
        try await world.withPermissions { permissions in
            _ = try await permissions.putAccount("111111111111", "Payments")
            let set = try await permissions.createSet("ReadOnly")
            let taken = await failure { try await permissions.createSet("ReadOnly") }
            #expect(taken?.reason == "PERMISSION_SET_NAME_TAKEN")
            _ = try await permissions.assign(set, in: "111111111111", to: .user, World.anna)
            var setDeletion = PermissionDeletePermissionSetRequest()
            setDeletion.permissionSetArn = set.permissionSetArn
            var accountDeletion = PermissionDeleteAccountRequest()
            accountDeletion.accountID = "111111111111"
            let setError = await failure {
                try await permissions.client.deletePermissionSet(setDeletion)
            }
            #expect(setError?.reason == "PERMISSION_SET_IN_USE")
            let accountError = await failure {
                try await permissions.client.deleteAccount(accountDeletion)
            }
            #expect(accountError?.reason == "ACCOUNT_IN_USE")
            try await permissions.unassign(set, in: "111111111111", from: .user, World.anna)
            _ = try await permissions.client.deletePermissionSet(setDeletion)
            _ = try await permissions.client.deleteAccount(accountDeletion)
            _ = try await permissions.createSet("ReadOnly")
        }
    }
}
