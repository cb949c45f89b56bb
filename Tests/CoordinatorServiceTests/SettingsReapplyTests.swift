import Contracts
import Foundation
import RPC
import SwiftProtobuf
import Testing

@Suite("Applying unreplicated settings again", .timeLimit(.minutes(2)))
struct SettingsReapplyTests {
    private func withInstance(_ body: (World) async throws -> Void) async throws {
        let world = try await World()
        do {
            try await world.instanceReadyToReplicate()
            try await body(world)
        } catch {
            await world.end()
            throw error
        }
        await world.end()
    }

    private func record(
        _ key: String, base: UInt64, _ value: some Message, domain: String = "instance"
    ) throws -> StateUnreplicatedRecord {
        try .with {
            $0.domain = domain
            $0.key = key
            $0.baseVersion = base
            $0.version = base + 1
            $0.value = try value.serializedData()
        }
    }

    private func reapply(
        _ records: [StateUnreplicatedRecord], _ world: World, dryRun: Bool = false,
        region: String = World.primary
    ) async throws -> [StateReapplyOutcome] {
        try await world.administration(region).reapplySettings(
            .with {
                $0.records = records
                $0.dryRun = dryRun
            }
        ).outcomes
    }

    /// The instance, and the version of its record.
    private func instance(_ world: World) async throws -> (CoordinatorInstance, UInt64) {
        let log = try world.log(as: "directory")
        let instance = try await world.administration().getInstance(.init()).instance
        var version: UInt64 = 0
        for try await response in try await log.tail(.with { $0.domains = ["instance"] }) {
            for entry in response.batch.entries where entry.key == "instance" {
                version = entry.version
            }
        }
        return (instance, version)
    }

    @Test("a name and a session's duration come back; key, primary and Regions stay as they are")
    func applied() async throws {
        try await withInstance { world in
            let (present, version) = try await instance(world)
            var lost = present
            lost.name = "Renamed"
            lost.sessionDurationSeconds = 3_600
            lost.primaryRegion = "us-west-2"
            lost.encryption.kmsKeyArn = "arn:aws:kms:eu-central-1:111122223333:key/mrk-other"
            // The promotion has changed the record once more since the fork.
            let record = try record("instance", base: version - 1, lost)
            let dry = try await reapply([record], world, dryRun: true)
            #expect(dry.map(\.result) == [.applied])
            #expect(try await instance(world).0 == present)
            let outcomes = try await reapply([record], world)
            #expect(outcomes.map(\.result) == [.applied])
            #expect(outcomes.first?.explanation == "The KMS key stays as it is now.")
            var wanted = present
            wanted.name = "Renamed"
            wanted.sessionDurationSeconds = 3_600
            #expect(try await instance(world).0 == wanted)
            #expect(try await reapply([record], world).map(\.result) == [.same])
        }
    }

    @Test("settings that were changed since stay")
    func conflict() async throws {
        try await withInstance { world in
            let (present, version) = try await instance(world)
            var lost = present
            lost.name = "Renamed"
            for name in ["Other", "Another"] {
                _ = try await world.administration().updateInstance(.with { $0.name = name })
            }
            let record = try record("instance", base: version, lost)
            #expect(try await reapply([record], world).map(\.result) == [.conflict])
            #expect(try await instance(world).0.name == "Another")
        }
    }

    @Test("what no administrator could set is refused, even though the file says it")
    func altered() async throws {
        try await withInstance { world in
            let (present, version) = try await instance(world)
            var long = present
            long.sessionDurationSeconds = 100_000_000
            var name = present
            name.name = String(repeating: "x", count: 300)
            var provider = World.provider
            provider.signInURL = "javascript:alert(1)"
            var garbage = try record("instance", base: version, present)
            garbage.value = Data([0xFF, 0xFF, 0xFF])
            let records = [
                try record("instance", base: version, long),
                try record("instance", base: version, name),
                try record("identity-provider", base: 1, provider), garbage,
            ]
            let outcomes = try await reapply(records, world)
            #expect(outcomes.map(\.result) == Array(repeating: .refused, count: 4))
            #expect(outcomes.allSatisfy { !$0.explanation.isEmpty })
            #expect(try await instance(world).0 == present)
        }
    }

    @Test("an identity provider comes back unless another one has been entered since")
    func identityProvider() async throws {
        try await withInstance { world in
            let client = try world.administration()
            let present = try await client.getInstance(.init()).identityProvider
            var lost = present
            lost.entityID = "https://other.example/metadata"
            let same = try record("identity-provider", base: 0, present)
            #expect(try await reapply([same], world).map(\.result) == [.same])
            let record = try record("identity-provider", base: 1, lost)
            #expect(try await reapply([record], world).map(\.result) == [.applied])
            #expect(try await client.getInstance(.init()).identityProvider == lost)
            lost.entityID = "https://third.example/metadata"
            let late = try self.record("identity-provider", base: 1, lost)
            #expect(try await reapply([late], world).map(\.result) == [.conflict])
        }
    }

    @Test("Regions, workflows, deletions, other domains and other Regions are refused")
    func refused() async throws {
        try await withInstance { world in
            let (present, version) = try await instance(world)
            var deleted = try record("instance", base: version, present)
            deleted.tombstone = true
            let records = [
                try record("region/us-east-1", base: 0, CoordinatorRegion()),
                try record("workflow/us-east-1", base: 0, CoordinatorRegionProgress()),
                deleted, try record("instance", base: version, present, domain: "directory"),
            ]
            let outcomes = try await reapply(records, world)
            #expect(outcomes.map(\.result) == Array(repeating: .refused, count: 4))
            try await world.add(World.second)
            try await world.wait(
                for: try await world.append(["user/1"]), in: World.second)
            let elsewhere = await refusal {
                _ = try await reapply([], world, region: World.second)
            }
            #expect(elsewhere?.reason == "NOT_PRIMARY")
        }
    }

    /// A whole way: changed in a primary that nobody hears any more, exported when it returns.
    @Test("what a former primary exported of its settings is applied at the new one")
    func returned() async throws {
        try await withInstance { world in
            try await world.add(World.second)
            let last = try await world.append(["user/1"])
            try await world.wait(for: last, in: World.second)
            await world.cut(World.primary)
            _ = try await world.administration().updateInstance(.with { $0.name = "Alone" })
            _ = try await world.administration(World.second).promoteRegion(
                .with {
                    $0.region = World.second
                    $0.force = true
                })
            await world.cut(World.primary, false)
            try await eventually("the export is there") {
                try await world.administration().listUnreplicated(.init()).exports.count == 1
            }
            let path = try #require(
                try await world.administration().listUnreplicated(.init()).exports.first?.path)
            let records = try exported(path).filter { $0.domain == "instance" }
            let outcomes = try await reapply(records, world, region: World.second)
            #expect(outcomes.map(\.result) == [.applied])
            let instance = try await world.administration(World.second).getInstance(.init())
                .instance
            #expect(instance.name == "Alone")
            #expect(instance.primaryRegion == World.second)
            try await eventually("both Regions agree") {
                try await world.administration(World.second).verifyRegions(.init()).equal
            }
        }
    }

    /// The records of a file, as the command line reads them.
    private func exported(_ path: String) throws -> [StateUnreplicatedRecord] {
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        return try lines.dropFirst().map { line in
            let fields = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            return try .with {
                $0.domain = try #require(fields["domain"] as? String)
                $0.key = try #require(fields["key"] as? String)
                $0.version = try #require(fields["version"] as? NSNumber).uint64Value
                $0.baseVersion = $0.version - 1
                $0.value = try #require(Data(base64Encoded: fields["value"] as? String ?? ""))
            }
        }
    }
}
