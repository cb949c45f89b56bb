import Contracts
import Foundation
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf
import Testing

@testable import CoordinatorService

@Suite("Going back to a moment with all Regions", .timeLimit(.minutes(2)))
struct MomentRegionsTests {
    private func store(_ region: String, _ world: World) -> LogStore {
        LogStore(
            region: region, storage: .sqlite,
            directory: world.directory.appending(path: region).path)
    }

    private func backUp(_ regions: [String], _ world: World) async throws {
        for region in regions {
            let series = BackupSeries(directory: world.directory.appending(path: "b-" + region))
            _ = try await LogTransfer(store(region, world)).backUp(to: series, isWhole: false)
        }
    }

    /// What a service is told first that stands there.
    private func start(
        _ world: World, reading: String = "", after position: LogPosition? = nil
    ) async throws -> CoordinatorTailResponse.Start {
        let tail = try await world.log(World.primary, as: "directory").tail(
            .with {
                $0.domains = ["directory"]
                $0.logID = reading
                $0.after = position.map { [$0] } ?? []
            }, options: CallOptions(timeout: .seconds(10)))
        for try await message in tail { return message.start }
        return CoordinatorTailResponse.Start()
    }

    @Test("Regions that are restored to one moment prove themselves to each other and go on")
    func goesOn() async throws {
        let regions = [World.primary, World.second]
        let world = try await World(regions) { $0.history = .seconds(30) }
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        let good = try await world.append(["user/good"])
        _ = try await world.append(["session/s"], domain: "session", region: World.second)
        try await world.wait(for: good, in: World.second)
        try await backUp(regions, world)
        let moment = CoordinatorModule.wallClock()
        try await Task.sleep(for: .milliseconds(20))
        let mistake = try await world.append(["user/mistake"])
        try await world.wait(for: mistake, in: World.second)
        let reading = try await start(world).logID
        try await backUp(regions, world)
        for region in regions {
            await world.stop(region)
            try FileManager.default.removeItem(
                at: world.directory.appending(path: "\(region)/log.sqlite"))
            for suffix in ["-wal", "-shm"] {
                try? FileManager.default.removeItem(
                    at: world.directory.appending(path: "\(region)/log.sqlite\(suffix)"))
            }
            let series = BackupSeries(directory: world.directory.appending(path: "b-" + region))
            let plan = try series.plan(at: moment)
            _ = try await LogTransfer(store(region, world)).restore(from: plan)
        }
        for region in regions { try await world.start(region) }
        try await eventually("both have proved themselves") {
            for region in regions {
                let events = try await world.trail(region).lookUp(
                    .with {
                        $0.attributeName = "EventName"
                        $0.attributeValue = "RestoreProved"
                    }
                ).events
                if events.isEmpty { return false }
            }
            return true
        }
        // Who had read the mistake reads anew, although positions have gone on beyond it.
        for number in 0..<3 { try await world.append(["user/filler"], version: UInt64(number + 1)) }
        #expect(try await start(world, reading: reading, after: mistake).reset)
        let position = try await world.append(["user/after"])
        try await world.wait(for: position, in: World.second)
        _ = try await world.append(["session/t"], domain: "session", region: World.second)
        try await eventually("they agree") {
            try await world.administration().verifyRegions(.init()).equal
        }
        for region in regions {
            #expect(
                try await world.keys(of: "directory", in: region) == [
                    "user/good", "user/filler", "user/after",
                ])
            #expect(
                try await world.keys(of: "session", in: region) == ["session/s", "session/t"])
        }
        await world.end()
    }

    /// Backs a Region up that compacts all the time, and asks for many moments in between.
    private func refusals(history: Duration) async throws -> Int {
        let world = try await World([World.primary]) { settings in
            settings.history = history
            settings.timings.maintenance = .milliseconds(30)
        }
        try await world.instanceReadyToReplicate()
        let series = BackupSeries(directory: world.directory.appending(path: "series"))
        for round in 0..<4 {
            // Something is replaced all the time.
            for number in 0..<20 {
                try await world.append(["user/a"], version: UInt64(20 * round + number + 1))
                try await Task.sleep(for: .milliseconds(20))
            }
            _ = try await LogTransfer(store(World.primary, world)).backUp(
                to: series, isWhole: false)
        }
        await world.end(keepingFiles: true)
        let points = try series.points().map(\.takenAtMicroseconds)
        let (first, last) = (try #require(points.first), try #require(points.last))
        let refused = try stride(from: first, through: last, by: 25_000).count { moment in
            do {
                _ = try series.plan(at: moment)
                return false
            } catch is MomentRefusal { return true }
        }
        world.remove()
        return refused
    }

    @Test("a coordinator that compacts all the time keeps what backups need, if it is told to")
    func history() async throws {
        // Backups are some 400 ms apart; on a busy machine it may be more.
        #expect(try await refusals(history: .seconds(20)) == 0)
        #expect(try await refusals(history: .zero) > 0)
    }
}
