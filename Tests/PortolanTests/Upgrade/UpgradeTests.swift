import Contracts
import CoordinatorService
import Foundation
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf
import Testing

@testable import portolan

/// This version among later ones, over the real protocol: what they send beyond it does no harm, and
/// what they store beyond it survives.
@Suite("A later version beside this one", .timeLimit(.minutes(3)))
struct UpgradeTests {
    private static let (home, second) = (TwoRegions.regions[0], TwoRegions.regions[1])
    private static let account = "999988887777"

    @Test("what a later version has written survives changes by this one, in both Regions")
    func live() async throws {
        let world = try await TwoRegions()
        do {
            for region in TwoRegions.regions { try await world.start(region) }
            try await replicate(world)
            let user = try await people(world)
            try await permissions(world)
            try await verify(world)
            try await backUp(world)
            for region in TwoRegions.regions { await world.stop(region, withKeys: false) }
            try await reopen(world)
            try await world.start(Self.home)
            let kept = try await self.user(user.userID, Self.home, world)
            #expect(kept.isLater() && kept.name.isLater())
        } catch {
            for region in TwoRegions.regions { await world.stop(region) }
            world.remove()
            throw error
        }
        for region in TwoRegions.regions { await world.stop(region) }
        world.remove()
    }

    /// An instance in both Regions, as an operator sets it up.
    private func replicate(_ world: TwoRegions) async throws {
        try await eventually {
            try await world.ask("instance create --name Upgrade --identity-source external-idp")
        }
        try await world.session { session in
            _ = try await session.instance.putIdentityProvider(
                .with {
                    $0.identityProvider.entityID = "https://idp.example/metadata"
                    $0.identityProvider.signInURL = "https://idp.example/sso"
                    $0.identityProvider.signingCertificates = [Data(count: 300)]
                }, options: session.options)
        }
        try await world.ask("key create --multi-region --baseline-policy --alias alias/upgrade")
        try await world.ask("instance update --kms-key alias/upgrade")
        try await eventually {
            try await world.ask(
                "key replicate alias/upgrade --to \(Self.second) --baseline-policy")
        }
        try await eventually {
            try await world.ask("region add \(Self.second) --wait-timeout 60")
        }
    }

    private func user(
        _ id: String, _ region: String, _ world: TwoRegions, at position: LogPosition? = nil
    ) async throws -> DirectoryUser {
        try await eventually {
            try await world.session(region) { session in
                try await session.directory.getUser(
                    .with {
                        $0.userID = id
                        if let position { $0.atLeast = position }
                    }, options: session.options
                ).user
            }
        }
    }

    private func people(_ world: TwoRegions) async throws -> DirectoryUser {
        // A later version makes somebody, and a group.
        var wanted = DirectoryUser.with {
            $0.userName = "ada"
            $0.displayName = "Ada"
            $0.name.givenName = "Ada"
            $0.name.familyName = "L"
            $0.enabled = true
        }
        try wanted.makeLater()
        try wanted.name.makeLater()
        let request = wanted
        let made = try await eventually {
            try await world.session(isLater: true) { session in
                try await session.directory.createUser(
                    .with { $0.user = request }, options: session.options
                ).user
            }
        }
        // This version's SCIM, say, writes all that it knows, and nothing else.
        let updated = try await world.session { session in
            try await session.directory.updateUser(
                .with {
                    $0.user.userID = made.userID
                    $0.user.userName = "ada"
                    $0.user.displayName = "Ada Lovelace"
                    $0.user.name.givenName = "Ada"
                    $0.user.name.familyName = "Lovelace"
                    $0.user.enabled = true
                }, options: session.options)
        }
        for region in TwoRegions.regions {
            let user = try await user(made.userID, region, world, at: updated.position)
            #expect(user.displayName == "Ada Lovelace")
            #expect(user.isLater())
            #expect(user.name.isLater())
        }
        try await changeByLater(made, world)
        try await group(world)
        return made
    }

    /// What a later version itself changes of its own fields stands.
    private func changeByLater(_ made: DirectoryUser, _ world: TwoRegions) async throws {
        for text in ["other", "later"] {
            var wanted = made
            wanted.unknownFields = UnknownStorage()
            try wanted.makeLater(text)
            wanted.displayName = "Ada Lovelace"
            let request = wanted
            let position = try await world.session(isLater: true) { session in
                try await session.directory.updateUser(
                    .with { $0.user = request }, options: session.options
                ).position
            }
            let user = try await user(made.userID, Self.second, world, at: position)
            #expect(user.isLater(text))
        }
    }

    private func group(_ world: TwoRegions) async throws {
        var wanted = DirectoryGroup.with { $0.displayName = "team" }
        try wanted.makeLater()
        let request = wanted
        let updated = try await world.session { session in
            let made = try await session.directory.createGroup(
                .with { $0.group = request }, options: session.options
            ).group
            return try await session.directory.updateGroup(
                .with {
                    $0.group.groupID = made.groupID
                    $0.group.displayName = "team two"
                }, options: session.options)
        }
        let seen = try await world.session(Self.second) { session in
            try await session.directory.getGroup(
                .with {
                    $0.groupID = updated.group.groupID
                    $0.atLeast = updated.position
                }, options: session.options
            ).group
        }
        #expect(seen.displayName == "team two")
        #expect(seen.isLater())
    }

    private func permissions(_ world: TwoRegions) async throws {
        var account = PermissionAccount.with {
            $0.accountID = Self.account
            $0.name = "One"
        }
        try account.makeLater()
        var set = PermissionPermissionSet.with { $0.name = "Admin" }
        try set.makeLater()
        var application = PermissionApplication.with {
            $0.name = "wiki"
            $0.startURL = "https://wiki.example.com/"
            $0.supportsCustomerManagedKeys = true
        }
        try application.makeLater()
        let (firstAccount, firstSet, firstApplication) = (account, set, application)
        let position = try await world.session(isLater: true) { session in
            let permissions = try session.permissions
            _ = try await permissions.putAccount(
                .with { $0.account = firstAccount }, options: session.options)
            let made = try await permissions.createPermissionSet(
                .with { $0.permissionSet = firstSet }, options: session.options
            ).permissionSet
            _ = try await permissions.putAccount(
                .with {
                    $0.account.accountID = Self.account
                    $0.account.name = "Two"
                }, options: session.options)
            return try await permissions.updatePermissionSet(
                .with {
                    $0.permissionSet.permissionSetArn = made.permissionSetArn
                    $0.permissionSet.name = "Admin"
                    $0.permissionSet.description_p = "changed"
                }, options: session.options
            ).position
        }
        try await world.session(Self.second) { session in
            let permissions = try session.permissions
            let accounts = try await permissions.listAccounts(
                .with { $0.atLeast = position }, options: session.options
            ).accounts
            #expect(accounts.map(\.name) == ["Two"])
            #expect(accounts.allSatisfy { $0.isLater() })
            let sets = try await permissions.listPermissionSets(
                .with { $0.atLeast = position }, options: session.options
            ).permissionSets
            #expect(sets.map(\.description_p) == ["changed"])
            #expect(sets.allSatisfy { $0.isLater() })
            // Applications are written in the Region that they belong to.
            let made = try await permissions.createApplication(
                .with { $0.application = firstApplication }, options: session.options
            ).application
            let updated = try await permissions.updateApplication(
                .with {
                    $0.application = made
                    $0.application.unknownFields = UnknownStorage()
                    $0.application.name = "handbook"
                }, options: session.options)
            #expect(updated.application.isLater())
        }
    }

    private func verify(_ world: TwoRegions) async throws {
        try await eventually { try await world.ask("region verify") }
        for region in TwoRegions.regions {
            try await world.ask("trail verify --region \(region)")
        }
        // What matters did pass: entries from Region to Region, to services, and what they append.
        for method in [
            CoordinatorReplicationMethods.subscribe, CoordinatorReplicationMethods.getDigests,
            CoordinatorReplicationMethods.exchangeReigns, CoordinatorLogMethods.tail,
            CoordinatorLogMethods.append,
        ] { #expect(world.witness.count(method) > 0, "\(method.fullName)") }
    }

    private func backUp(_ world: TwoRegions) async throws {
        try await world.command(
            "region backup --config \(world.configuration(Self.home)) --to \(world.path("backup"))")
        let points = try BackupSeries(directory: URL(fileURLWithPath: world.path("backup")))
            .points()
        #expect(points.count == 1)
    }

    /// The data directories as the services left them.
    private func reopen(_ world: TwoRegions) async throws {
        for region in TwoRegions.regions {
            let configuration = try await ConfigurationFile.load(world.configuration(region))
            let engine = try LogStore(configuration).open()
            #expect(engine.state.identity?.primaryRegion == Self.home)
            #expect(engine.state.streams[.regional(Self.second)] != nil)
            for stream in engine.state.streams.keys {
                var after: UInt64 = 0
                while true {
                    // Checksums are verified on the way.
                    let read = try await engine.read(ReadQuery(stream: stream, after: after))
                    after = read.through.sequence
                    if read.isAtHead { break }
                }
            }
            #expect(try await engine.verifyTrail().firstBrokenSequence == nil)
            await engine.close()
        }
    }
}
