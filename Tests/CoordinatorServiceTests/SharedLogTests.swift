import Foundation
import Logging
import RPC
import ServiceKit
import Testing

@testable import CoordinatorService

@Suite("Coordinators that share a log")
struct SharedLogTests {
    @Test("one that does not lead its Region takes control writes after a start, too")
    func follower() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        try await world.add(World.second)
        await world.stop(World.primary)
        try await world.start(World.primary, follows: true)
        let began = ContinuousClock.now
        try await world.append(["a"])
        #expect(began.duration(to: .now) < .seconds(5))
        await world.end()
    }

    @Test("one whose database does not answer is not ready", arguments: [0, 4, 6])
    func readiness(silentSeconds: Int) async throws {
        let directory = FileManager.default.temporaryDirectory
            .appending(path: "portolan-silent-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let settings = CoordinatorSettings(
            region: World.primary, accountID: FakeKeys.account, dataDirectory: directory.path)
        var engine = FollowingEngine(base: try LogStore(settings).open())
        engine.silence = .seconds(silentSeconds)
        let module = try await CoordinatorModule(
            settings: settings, engine: engine,
            channels: ClosureChannels { _, _ in
                throw RPCError(.unavailable, reason: "UNREACHABLE", message: "Nobody is there.")
            }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        #expect((module.readiness == .ready) == (silentSeconds < 5))
        await module.close()
    }

    @Test("the name of a kept file becomes part of a path only if it is one of ours")
    func names() {
        for name in ["epoch-1-2-3.jsonl", "epoch-12-400-401.txt"] {
            #expect(Coordinator.isExport(name))
        }
        for name in ["", "epoch-1/../../x.txt", "../epoch-1.txt", "epoch-1.sh", "x.jsonl"] {
            #expect(!Coordinator.isExport(name))
        }
    }
}
