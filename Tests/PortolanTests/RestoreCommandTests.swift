import ArgumentParser
import Contracts
import CoordinatorService
import Foundation
import ReplicationLog
import ServiceKit
import SwiftProtobuf
import Testing

@testable import portolan

@Suite("Commands: backup and restore")
struct RestoreCommandTests {
    /// A Region's configuration in a directory of its own, removed at the end.
    private final class Place: Sendable {
        let directory = FileManager.default.temporaryDirectory.appending(
            path: "portolan-restore-\(UUID().uuidString)")
        var backups: String { directory.appending(path: "backups").path }

        init() throws {
            try FileManager.default.createDirectory(
                at: directory, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(at: directory) }

        /// Writes a configuration whose data is there.
        func configuration(_ name: String) throws -> String {
            let url = directory.appending(path: name + ".json")
            let text = """
                {"region": "eu-central-1", "trustDomain": "portolan.test",
                 "accountID": "111122223333", "pki": {"directory": "/nonexistent"},
                 "dataDirectory": "\(directory.appending(path: name).path)"}
                """
            try Data(text.utf8).write(to: url)
            return url.path
        }
    }

    private func run(_ words: [String]) async throws {
        var command = try Portolan.parseAsRoot(words)
        var asynchronous = try #require(command as? any AsyncParsableCommand)
        try await asynchronous.run()
        command = asynchronous
    }

    private func append(_ engine: any LogEngine, _ key: String, at time: Int64) async throws {
        let record = LogRecord.with {
            $0.key = key
            $0.version = 1
            $0.value = Data(key.utf8)
        }
        _ = try await engine.append(
            AppendCommand(
                stream: .control, domain: "directory", expectedDomainSequence: nil,
                records: [record], writtenAtMicroseconds: time))
    }

    @Test("--at restores exactly what had been written by then, and refuses what it cannot know")
    func moment() async throws {
        let place = try Place()
        let config = try place.configuration("source")
        let store = LogStore(try await ConfigurationFile.load(config))
        let engine = try store.open()
        try await engine.establish(
            LogIdentity(
                logID: "11111111-1111-4111-8111-111111111111", region: "eu-central-1",
                primaryRegion: "eu-central-1", epoch: 1, mayWriteOwnStream: true))
        let begin = CoordinatorModule.wallClock()
        try await append(engine, "first", at: begin)
        try await run(["region", "backup", "--config", config, "--to", place.backups])
        let middle = CoordinatorModule.wallClock()
        try await append(engine, "second", at: middle)
        try await append(engine, "third", at: CoordinatorModule.wallClock())
        try await run(["region", "backup", "--config", config, "--to", place.backups])
        await engine.close()

        let target = try place.configuration("target")
        let restore = ["region", "restore", "--config", target, "--from", place.backups, "--at"]
        let late = await #expect(throws: CommandFailure.self) {
            try await run(restore + ["2100-01-01T00:00:00Z"])
        }
        #expect(late?.message.contains("the last moment before it that can be restored is") == true)
        try await run(restore + [MomentText.text(middle)])
        let restored = try LogStore(try await ConfigurationFile.load(target)).open()
        let entries = try await restored.read(ReadQuery(stream: .control, after: 0)).entries
        #expect(entries.map(\.key) == ["first", "second"])
        #expect(restored.state.identity?.isRestored == true)
        await restored.close()
    }

    @Test(
        "times that cannot be read, and a point with a moment, are refused as wrong usage",
        arguments: [
            "--at yesterday", "--at 2026-02-03T04:05:06", "--at 2026-02-03T04:05:06Z --point 3",
        ])
    func usage(_ options: String) {
        let words = options.split(separator: " ").map(String.init)
        #expect(throws: (any Error).self) {
            try Portolan.parseAsRoot(
                ["region", "restore", "--config", "c", "--from", "d"] + words)
        }
    }
}
