import Contracts
import Foundation
import RPC
import ReplicationLog
import SwiftProtobuf
import Testing

@Suite("Tombstones that are gone")
struct TombstoneTests {
    /// Removes all tombstones from the log of a Region that has been stopped, as time does. They stand
    /// near the head.
    private func purge(_ world: World) async throws {
        await world.stop(World.primary)
        let engine = try SQLiteLogEngine(
            path: world.directory.appending(path: World.primary).path + "/log.sqlite",
            region: World.primary)
        let outcome = try await engine.compact(
            CompactionRequest(
                stream: .control, through: .max, tombstonesBeforeMicroseconds: .max, limit: 1_000))
        #expect(outcome.removed > 0)
        let stream = try #require(engine.state.streams[.control])
        #expect(stream.purgedThrough + 10 > stream.head)
        await engine.close()
        try await world.start(World.primary)
    }

    @Test("a service that starts reads past them, a few entries at a time")
    func tail() async throws {
        let world = try await World([World.primary])
        try await world.instanceReadyToReplicate()
        let keys = (0..<10).map { "k\($0)" }
        for key in keys { try await world.append([key]) }
        try await world.delete("k0", version: 2)
        try await purge(world)
        let log = try world.log(as: "directory")
        let messages = try await log.tail(
            .with {
                $0.domains = ["directory"]
                $0.entriesMax = 2
            }, options: CallOptions(timeout: .seconds(20)))
        var seen: [String] = []
        var isCaughtUp = false
        for try await message in messages {
            switch message.kind {
            case .batch(let batch): seen += batch.entries.map(\.key)
            case .reset(let reset): Issue.record("reset: \(reset.reason)")
            case .caughtUp: isCaughtUp = true
            default: break
            }
        }
        #expect(seen == Array(keys.dropFirst()))
        #expect(isCaughtUp)
        await world.end()
    }

    @Test("a Region is added although they are gone, and more than one message is needed")
    func addRegion() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        for part in 0..<8 {
            try await world.append((0..<400).map { "k\(part)-\($0)" })
        }
        try await world.delete("k7-399", version: 2)
        try await purge(world)
        try await world.add(World.second)
        let client = try world.log(World.second, as: "directory")
        var copied = 0
        let messages = try await client.tail(
            .with { $0.domains = ["directory"] }, options: CallOptions(timeout: .seconds(20)))
        for try await message in messages { copied += message.batch.entries.count }
        #expect(copied == 3_199)
        await world.end()
    }
}
