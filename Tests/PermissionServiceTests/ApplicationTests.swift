import Contracts
import PermissionService
import RPC
import ReplicatedStateTesting
import Testing

@Suite("Applications", .timeLimit(.minutes(2)))
struct ApplicationTests {
    let world = World()

    @Test("an application without support for customer managed keys is refused while one is used")
    func customerManagedKey() async throws {
        let key =
            "arn:aws:kms:eu-central-1:111122223333:key/mrk-" + String(repeating: "b", count: 32)
        world.primary.coordinator.setInstance(TestRegion.instance(kmsKeyARN: key))
        try await world.withPermissions { permissions in
            let error = await failure {
                try await permissions.createApplication("wiki", supportsKeys: false)
            }
            #expect(error?.code == .failedPrecondition)
            #expect(error?.reason == "CMK_NOT_SUPPORTED")
            _ = try await permissions.createApplication("wiki", supportsKeys: true)
        }
    }

    @Test(
        "start URLs that are no http address are refused",
        arguments: [
            "javascript:alert(1)", "ftp://example.com", "https://", "example.com", " ",
        ])
    func startURL(_ url: String) async throws {
        try await world.withPermissions { permissions in
            var request = PermissionCreateApplicationRequest()
            request.application.name = "wiki"
            request.application.startURL = url
            let error = await failure { try await permissions.client.createApplication(request) }
            #expect(error?.reason == "START_URL_INVALID")
        }
    }

    @Test("an application is written in its own Region and seen in every one")
    func regions() async throws {
        try await world.withPermissions { primary in
            try await world.withPermissions(in: world.other) { other in
                let created = try await other.createApplication("wiki")
                #expect(created.application.region == "us-east-1")
                #expect(created.position.stream == "region/us-east-1")
                var position = try await other.assignApplication(
                    created.application.applicationArn, to: .user, World.anna)
                let seen = try await primary.access(World.anna, atLeast: position)
                #expect(seen.applications == [created.application])
                let error = await failure {
                    try await primary.assignApplication(
                        created.application.applicationArn, to: .group, World.admins)
                }
                #expect(error?.code == .failedPrecondition)
                #expect(error?.reason == "WRONG_REGION")
                #expect(error?.metadata["application-region"] == "us-east-1")
                var disabling = PermissionUpdateApplicationRequest()
                disabling.application = created.application
                disabling.application.status = .disabled
                position = try await other.client.updateApplication(disabling).position
                let without = try await primary.access(World.anna, atLeast: position)
                #expect(without.applications.isEmpty)
                var deletion = PermissionDeleteApplicationRequest()
                deletion.applicationArn = created.application.applicationArn
                position = try await other.client.deleteApplication(deletion).position
                var listing = PermissionListApplicationsRequest()
                listing.atLeast = position
                #expect(try await primary.client.listApplications(listing).applications.isEmpty)
            }
        }
    }

    @Test("permission sets, accounts and assignments are written in the primary only")
    func notPrimary() async throws {
        try await world.withPermissions(in: world.other) { other in
            let set = await failure { try await other.createSet("ReadOnly") }
            #expect(set?.reason == "NOT_PRIMARY")
            #expect(set?.metadata["primary-region"] == "eu-central-1")
            let account = await failure { try await other.putAccount("111111111111", "Payments") }
            #expect(account?.reason == "NOT_PRIMARY")
            let refused = world.log.events.filter { $0.errorCode == "NOT_PRIMARY" }
            #expect(refused.map(\.eventName) == ["CreatePermissionSet", "PutAccount"])
        }
    }

    @Test("a restarted service holds what was written, with versions going on")
    func restart() async throws {
        let set = try await world.withPermissions { permissions in
            _ = try await permissions.putAccount("111111111111", "Payments")
            let set = try await permissions.createSet("ReadOnly")
            _ = try await permissions.assign(set, in: "111111111111", to: .group, World.admins)
            let application = try await permissions.createApplication("wiki").application
            _ = try await permissions.assignApplication(
                application.applicationArn, to: .group, World.admins)
            return set
        }
        world.log.compact("control")
        try await world.withPermissions { permissions in
            let status = try await permissions.client.getStatus(PermissionGetStatusRequest())
            #expect(status.state == "open")
            #expect(status.accounts == 1)
            #expect(status.permissionSets == 1)
            #expect(status.assignments == 1)
            #expect(status.applications == 1)
            let access = try await permissions.access(World.anna)
            #expect(access.accounts.map(\.account.accountID) == ["111111111111"])
            #expect(access.applications.map(\.name) == ["wiki"])
            var update = PermissionUpdatePermissionSetRequest()
            update.permissionSet = set
            update.permissionSet.description_p = "May look"
            update.expectedVersion = 1
            #expect(
                try await permissions.client.updatePermissionSet(update).permissionSet.version == 2)
            let stale = await failure { try await permissions.client.updatePermissionSet(update) }
            #expect(stale?.reason == "VERSION_CHANGED")
        }
    }
}
