import Contracts
import CoordinatorService
import Foundation
import RPC
import SwiftProtobuf
import Testing

@Suite("Forced promotion")
struct ForcedPromotionTests {
    private func force(
        _ region: String, _ world: World, acceptUnreachable: Bool = false, acceptLoss: Bool = false
    ) async throws -> CoordinatorPromoteRegionResponse {
        try await world.administration(region).promoteRegion(
            .with {
                $0.region = region
                $0.force = true
                $0.acceptUnreachable = acceptUnreachable
                $0.acceptLoss = acceptLoss
            })
    }

    private func world(_ names: [String]) async throws -> World {
        let world = try await World(names)
        try await world.instanceReadyToReplicate()
        for name in names.dropFirst() { try await world.add(name) }
        return world
    }

    private func events(_ name: String, _ region: String, _ world: World) async throws -> Int {
        try await world.trail(region).lookUp(
            .with {
                $0.attributeName = "EventName"
                $0.attributeValue = name
            }
        ).events.count
    }

    @Test("while the primary answers it is refused, here or at the Region that is asked")
    func reachable() async throws {
        let world = try await world([World.primary, World.second, World.third])
        #expect(
            await refusal { _ = try await force(World.second, world) }?.reason
                == "PRIMARY_REACHABLE")
        #expect(
            await refusal { _ = try await force(World.primary, world) }?.reason
                == "ALREADY_PRIMARY")
        let elsewhere = await refusal {
            _ = try await world.administration(World.third).promoteRegion(
                .with {
                    $0.region = World.second
                    $0.force = true
                })
        }
        #expect(elsewhere?.reason == "WRONG_REGION")
        try await world.append(["user/1"])
        await world.end()
    }

    @Test("with the primary gone a Region takes over at once and says what is known to be missing")
    func primaryGone() async throws {
        let world = try await world([World.primary, World.second])
        let last = try await world.append(["user/1"])
        try await world.wait(for: last, in: World.second)
        await world.stop(World.primary)
        let answer = try await force(World.second, world)
        #expect(answer.epoch == 2)
        #expect(answer.beginsAfter.sequence >= last.sequence)
        #expect(answer.primarySilentUs >= 0)
        #expect(answer.keys.count == 2)
        let position = try await world.append(["user/2"], region: World.second)
        #expect(position.epoch == 2)
        // It comes back, has nothing too much, and follows.
        try await world.start(World.primary)
        try await eventually("the former primary refuses") {
            await refusal { try await world.append(["user/3"]) }?.reason == "NOT_PRIMARY"
        }
        try await world.wait(for: position, in: World.primary)
        #expect(try await world.administration().verifyRegions(.init()).equal)
        #expect(try await events("PrimaryFenced", World.primary, world) == 1)
        #expect(try await world.administration().listUnreplicated(.init()).exports.isEmpty)
        await world.end()
    }

    @Test("what a cut-off primary acknowledged is exported, dropped and reported, and never merged")
    func fork() async throws {
        let world = try await world([World.primary, World.second, World.third])
        let last = try await world.append(["user/shared"])
        for region in [World.second, World.third] { try await world.wait(for: last, in: region) }
        await world.cut(World.primary)
        for number in 0..<20 { try await world.append(["user/lost-\(number)"]) }
        _ = try await force(World.second, world)
        try await world.append(["user/won"], region: World.second)
        await world.cut(World.primary, false)
        try await eventually("the former primary refuses") {
            await refusal { try await world.append(["user/late"]) }?.reason == "NOT_PRIMARY"
        }
        try await eventually("it has proved that it is equal") {
            try await events("RejoinInstance", World.primary, world) == 1
        }
        let there = try await world.keys(of: "directory", in: World.primary)
        #expect(there.contains("user/won"))
        #expect(there.contains("user/shared"))
        #expect(!there.contains { $0.hasPrefix("user/lost") || $0 == "user/late" })
        #expect(try await world.administration(World.second).verifyRegions(.init()).equal)
        let exports = try await world.administration().listUnreplicated(.init()).exports
        let export = try #require(exports.first)
        #expect(exports.count == 1)
        // And what it took until it heard of the later reign.
        #expect(export.entries >= 20, "\(export.report)")
        #expect(export.ended.epoch == 1)
        #expect(export.began.primaryRegion == World.second)
        #expect(export.report.contains("user/lost-19"))
        let lines = try String(contentsOfFile: export.path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == export.entries + 1)
        #expect(try await events("ExportUnreplicatedEntries", World.primary, world) == 1)
        await world.end()
    }

    @Test("a former primary that stops in the midst of its way back goes on with it")
    func restartDuringReturn() async throws {
        let world = try await world([World.primary, World.second])
        try await world.wait(for: world.append(["user/shared"]), in: World.second)
        await world.cut(World.primary)
        try await world.append((0..<50).map { "user/lost-\($0)" })
        _ = try await force(World.second, world)
        for _ in 0..<5 {
            await world.cut(World.primary, false)
            try await Task.sleep(for: .milliseconds(Int.random(in: 10...150)))
            await world.stop(World.primary)
            try await world.start(World.primary)
        }
        let position = try await world.append(["user/won"], region: World.second)
        try await world.wait(for: position, in: World.primary)
        #expect(try await world.administration().listUnreplicated(.init()).exports.count == 1)
        #expect(try await world.administration(World.second).verifyRegions(.init()).equal)
        await world.end()
    }

    @Test("an entry of a fork that is damaged is reported, and does not keep the Region away")
    func damagedFork() async throws {
        let world = try await world([World.primary, World.second])
        try await world.wait(for: world.append(["user/shared"]), in: World.second)
        await world.cut(World.primary)
        try await world.append(["user/lost-1", "user/lost-2", "user/lost-3"])
        try await world.append(["user/lost-4"])
        _ = try await force(World.second, world)
        await world.stop(World.primary)
        #expect(try world.spoil("user/lost-2", in: World.primary) == 1)
        try await world.start(World.primary)
        try await world.append(["user/won"], region: World.second)
        await world.cut(World.primary, false)
        try await eventually("it has proved that it is equal", within: .seconds(30)) {
            try await events("RejoinInstance", World.primary, world) == 1
        }
        let there = try await world.keys(of: "directory", in: World.primary)
        #expect(there == ["user/shared", "user/won"])
        #expect(try await world.administration(World.second).verifyRegions(.init()).equal)
        let export = try #require(
            try await world.administration().listUnreplicated(.init()).exports.first)
        #expect(export.report.contains("1 of them were damaged"))
        let lines = try String(contentsOfFile: export.path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == Int(export.entries) + 1)
        let damaged = lines.filter { $0.contains("\"damaged\":true") }
        #expect(damaged.count == 1)
        #expect(damaged.first?.contains("user/lost-2") == true)
        #expect(lines.contains { $0.contains("user/lost-4") })
        await world.end()
    }

    @Test("of two Regions that are forced at once only one becomes the primary of an epoch")
    func rivals() async throws {
        let world = try await world([World.primary, World.second, World.third])
        await world.stop(World.primary)
        async let one = try? force(World.second, world)
        async let other = try? force(World.third, world)
        let answers = [await one, await other].compactMap(\.self)
        #expect(!answers.isEmpty)
        #expect(Set(answers.map(\.epoch)).count == answers.count)
        try await eventually("both follow the later one") {
            let seen = try await [
                world.administration(World.second).getInstance(.init()),
                world.administration(World.third).getInstance(.init()),
            ]
            return seen[0].reigns == seen[1].reigns
        }
        await world.end()
    }

    @Test("without a majority it is refused unless that is accepted; a tie then has one winner")
    func tie() async throws {
        let world = try await world([World.primary, World.second, World.third])
        // Every Region knows of all three by then.
        let known = try await world.append(["user/known"])
        for region in [World.second, World.third] { try await world.wait(for: known, in: region) }
        await world.stop(World.primary)
        await world.cut(World.third)
        #expect(
            await refusal { _ = try await force(World.second, world) }?.reason
                == "PROMISES_MISSING")
        let one = try await force(World.second, world, acceptUnreachable: true)
        let other = try await force(World.third, world, acceptUnreachable: true)
        #expect(one.epoch == other.epoch)
        try await world.append(["user/winner"], region: World.second)
        try await world.append(["user/loser"], region: World.third)
        await world.cut(World.third, false)
        try await eventually("the loser is fenced") {
            await refusal { try await world.append(["user/late"], region: World.third) }?
                .metadata["primary-region"] == World.second
        }
        try await eventually("and has copied again") {
            try await events("RejoinInstance", World.third, world) == 1
        }
        let there = try await world.keys(of: "directory", in: World.third)
        #expect(there.contains("user/winner"))
        #expect(!there.contains("user/loser"))
        let export = try await world.administration(World.third).listUnreplicated(.init()).exports
        #expect(export.first?.report.contains("user/loser") == true)
        await world.end()
    }

    @Test("a Region that has received less fetches the rest from one that has more")
    func behind() async throws {
        let world = try await world([World.primary, World.second, World.third])
        // Every Region knows of all three by then.
        try await world.wait(for: try await world.append(["user/first"]), in: World.second)
        await world.stop(World.second)
        let position = try await world.append((0..<30).map { "user/\($0)" })
        try await world.wait(for: position, in: World.third)
        await world.stop(World.primary)
        try await world.start(World.second)
        let answer = try await force(World.second, world)
        #expect(answer.beginsAfter.sequence >= position.sequence)
        #expect(try await world.keys(of: "directory", in: World.second).count == 31)
        let later = try await world.append(["user/later"], region: World.second)
        try await world.wait(for: later, in: World.third)
        #expect(
            try await world.administration(World.third).listUnreplicated(.init()).exports.isEmpty)
        await world.end()
    }

    @Test("a former primary that was removed hears that it is not the primary any more")
    func removed() async throws {
        let world = try await world([World.primary, World.second])
        try await world.wait(for: try await world.append(["user/known"]), in: World.second)
        await world.cut(World.primary)
        try await world.append(["user/lost"])
        _ = try await force(World.second, world)
        let client = try world.administration(World.second)
        _ = try await client.removeRegion(
            .with {
                $0.region = World.primary
                $0.lost = true
            })
        #expect(try await client.listRegions(.init()).regions.map(\.name) == [World.second])
        await world.cut(World.primary, false)
        try await eventually("it refuses") {
            await refusal { try await world.append(["user/late"]) }?.reason == "NOT_PRIMARY"
        }
        let answering = await refusal {
            _ = try await client.removeRegion(
                .with {
                    $0.region = World.primary
                    $0.lost = true
                })
        }
        #expect(answering?.reason == "REGION_NOT_FOUND")
        await world.end()
    }
}
