import Contracts
import Foundation
import GRDB
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf
import Testing

@testable import CoordinatorService

@Suite("Checkpoints of trails")
struct TrailCheckpointTests {
    private static let pki = Result {
        let pki = PKI(
            directory: NSTemporaryDirectory() + "portolan-checkpoints-\(UUID().uuidString)")
        try pki.makeRoot(trustDomain: "portolan.test")
        for region in [World.primary, World.second] {
            try pki.makeRegion(region, hosts: ["localhost"])
        }
        return pki
    }

    /// - Parameter signs: as which service the Regions sign.
    private func worldOfTwo(signs: ServiceName = .coordinator) async throws -> World {
        let pki = try Self.pki.get()
        let verifier = try StatementVerifier(roots: pki.layout.root, trustDomain: "portolan.test")
        let world = try await World { settings in
            settings.timings.checkpoint = .milliseconds(50)
            settings.timings.witness = .milliseconds(50)
            settings.checkpointVerifier = verifier
            settings.checkpointSigner = StatementSigner(
                pki.layout.service(signs, region: settings.region))
        }
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        return world
    }

    private func record(_ name: String, in world: World) async throws {
        let event = TrailEvent.with {
            $0.eventName = name
            $0.eventSource = "sso.amazonaws.com"
        }
        _ = try await world.trail().record(.with { $0.events = [event] })
    }

    private func witnessed(
        _ world: World
    ) async throws -> [TrailListCheckpointsResponse.Witnessed] {
        try await world.trail(World.second).listCheckpoints(.with { $0.region = World.primary })
            .checkpoints
    }

    private func checkpoint(
        _ witnessed: TrailListCheckpointsResponse.Witnessed
    ) throws -> TrailCheckpoint {
        try TrailCheckpoint(serializedBytes: witnessed.checkpoint.checkpoint)
    }

    private func head(_ world: World) async throws -> UInt64 {
        try await world.trail().lookUp(.with { $0.pageSize = 1 }).events.first?.sequence ?? 0
    }

    private func problem(_ world: World) async throws -> String {
        let status = try await world.administration(World.second)
            .getReplicationStatus(.init())
        return status.replicas.first { $0.region == World.primary }?.trailProblem ?? ""
    }

    /// Cuts off the end of the primary's trail so that its chain is whole.
    private func cutOff(_ world: World, after sequence: UInt64) async throws {
        await world.stop(World.primary)
        let path = world.directory.appending(path: "\(World.primary)/log.sqlite").path
        let database = try DatabaseQueue(path: path)
        try await database.write { db in
            try db.execute(
                sql: """
                    DELETE FROM trail WHERE sequence > \(sequence);
                    UPDATE trail_head SET sequence = \(sequence),
                    hash = (SELECT hash FROM trail WHERE sequence = \(sequence))
                    """)
        }
        try database.close()
        try await world.start(World.primary)
    }

    @Test("a trail whose end was cut off is whole in itself, and does not agree with the others")
    func cutOff() async throws {
        let world = try await worldOfTwo()
        for number in 0..<20 { try await record("Event\(number)", in: world) }
        let recorded = try await head(world)
        try await eventually("the checkpoint is taken down") {
            guard let newest = try await witnessed(world).first else { return false }
            return try checkpoint(newest).sequence >= recorded
        }
        let known = try await witnessed(world).map(checkpoint)
        let before = try await world.trail().verify(.with { $0.checkpoints = known })
        #expect(before.intact)
        #expect(before.checkpointsCompared == known.count)
        #expect(try await problem(world) == "")

        try await cutOff(world, after: recorded - 10)
        #expect(try await world.trail().verify(.init()).intact)
        let after = try await world.trail().verify(.with { $0.checkpoints = known })
        #expect(!after.intact)
        // The other Region says so by itself, and records it.
        try await record("Later", in: world)
        try await eventually("the other Region objects") {
            try await problem(world).contains("it had \(recorded)")
        }
        let newest = try #require(try await witnessed(world).first)
        #expect(newest.problem.contains("ends at event"))
        await world.end()
    }

    /// A Region whose trail was cut off ten events before its end, and has grown past it since.
    private func grownPastItsEnd() async throws -> (world: World, end: UInt64) {
        let world = try await worldOfTwo()
        for number in 0..<20 { try await record("Event\(number)", in: world) }
        let end = try await head(world)
        try await eventually("the checkpoint is taken down") {
            guard let newest = try await witnessed(world).first else { return false }
            return try checkpoint(newest).sequence >= end
        }
        try await cutOff(world, after: end - 10)
        try await record("Later", in: world)
        try await eventually("the other Region objects") {
            try await problem(world).contains("it had")
        }
        for number in 0..<40 { try await record("More\(number)", in: world) }
        try await eventually("a checkpoint past the old end is taken down") {
            guard let newest = try await witnessed(world).first else { return false }
            return try checkpoint(newest).sequence >= end + 20
        }
        return (world, end)
    }

    @Test("the alarm stands when the trail has grown past its old end, and after a restart")
    func alarmStands() async throws {
        let (world, _) = try await grownPastItsEnd()
        #expect(try await !problem(world).isEmpty)
        #expect(try await witnessed(world).first?.problem.isEmpty == false)
        await world.stop(World.second)
        try await world.start(World.second)
        try await eventually("it is recalled") { try await !problem(world).isEmpty }
        await world.end()
    }

    @Test("an alarm that was acknowledged ends, is recorded, and is raised anew by the next loss")
    func acknowledged() async throws {
        let (world, _) = try await grownPastItsEnd()
        let trail = try world.trail(World.second)
        let answer = try await trail.acknowledgeTrailProblem(
            .with {
                $0.region = World.primary
                $0.note = "restored from last night's backup"
            })
        #expect(answer.problem.contains("trail of \(World.primary)"))
        #expect(try await problem(world) == "")
        let events = try await trail.lookUp(
            .with {
                $0.attributeName = "EventName"
                $0.attributeValue = "AcknowledgeTrailProblem"
            }
        ).events
        #expect(events.first?.event.requestParametersJson.contains("last night's") == true)
        let end = try await head(world)
        try await record("Another", in: world)
        try await eventually("later checkpoints are believed") {
            guard let newest = try await witnessed(world).first else { return false }
            return try newest.problem.isEmpty && checkpoint(newest).sequence > end
        }
        try await cutOff(world, after: end - 5)
        try await record("Later", in: world)
        try await eventually("the other Region objects again") {
            try await !problem(world).isEmpty
        }
        await world.end()
    }

    @Test("what is no alarm cannot be acknowledged, nor an alarm without a word")
    func notAcknowledged() async throws {
        let world = try await worldOfTwo()
        let trail = try world.trail(World.second)
        let none = await refusal {
            _ = try await trail.acknowledgeTrailProblem(
                .with {
                    $0.region = World.primary
                    $0.note = "nothing"
                })
        }
        #expect(none?.reason == "NO_TRAIL_PROBLEM")
        let silent = await refusal {
            _ = try await trail.acknowledgeTrailProblem(.with { $0.region = World.primary })
        }
        #expect(silent?.reason == "INVALID_NOTE")
        await world.end()
    }

    @Test("a coordinator that cannot read the roots does not start without believing anybody")
    func rootsMissing() throws {
        func settings(_ directory: String) throws -> CoordinatorSettings {
            try CoordinatorSettings(
                RegionConfiguration(
                    region: World.primary, trustDomain: "portolan.test", accountID: "111122223333",
                    organizationID: "", dataDirectory: "/nowhere", pkiDirectory: directory,
                    listen: [:]))
        }
        #expect(throws: PKIError.self) { _ = try settings("/nowhere") }
        let pki = try Self.pki.get()
        #expect(try settings(pki.layout.directory).checkpointVerifier != nil)
    }

    @Test("a checkpoint that another service of the Region signed is not believed")
    func unsigned() async throws {
        let world = try await worldOfTwo(signs: .portal)
        try await record("Event", in: world)
        try await eventually("the other Region objects") {
            try await problem(world).contains("not signed by its coordinator")
        }
        let status = try await world.administration(World.second).getReplicationStatus(.init())
        #expect(status.replicas.first?.trailWitnessedUs == 0)
        await world.end()
    }

    @Test("Regions that only take down each other's checkpoints come to rest")
    func rest() async throws {
        let world = try await worldOfTwo()
        try await record("Event", in: world)
        var (last, same) = (try await head(world), 0)
        try await eventually("nothing is added any more") {
            try await Task.sleep(for: .milliseconds(100))
            let now = try await head(world)
            (last, same) = (now, now == last ? same + 1 : 0)
            return same >= 8
        }
        await world.end()
    }

    @Test("checkpoints of another Region's trail, and too many, are refused")
    func refused() async throws {
        let world = try await World([World.primary])
        let trail = try world.trail()
        let foreign = TrailCheckpoint.with { $0.region = World.second }
        let other = await refusal {
            _ = try await trail.verify(.with { $0.checkpoints = [foreign] })
        }
        #expect(other?.reason == "INVALID_CHECKPOINTS")
        let many = [TrailCheckpoint](
            repeating: .with { $0.region = World.primary }, count: 1_001)
        let tooMany = await refusal { _ = try await trail.verify(.with { $0.checkpoints = many }) }
        #expect(tooMany?.reason == "INVALID_CHECKPOINTS")
        await world.end()
    }
}
