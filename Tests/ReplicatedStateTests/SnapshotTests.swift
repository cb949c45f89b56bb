import Contracts
import Foundation
import RPC
import ReplicatedStateTesting
import SwiftProtobuf
import Testing

@testable import ReplicatedState

@Suite("A snapshot of the state", .timeLimit(.minutes(2)))
struct SnapshotTests {
    let world = TwoRegions()
    let file: String

    init() throws {
        let directory = FileManager.default.temporaryDirectory
            .appending(path: "portolan-snapshot-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        file = directory.path + "/state.snapshot"
    }

    /// A file from a primary that has written some texts.
    private func written(_ count: Int = 3) async throws {
        let writer = TextService(world.primary, snapshotFile: file)
        try await withRunning(writer.run) {
            for number in 0..<count {
                _ = try await writer.put("key-\(number)", "secret-\(number)")
            }
            let stand = writer.replica.positions
            #expect(
                await eventually { (try? head())?.from.map(\.sequence) == stand.map(\.sequence) })
        }
    }

    private func head() throws -> StateSnapshotHead? { try SnapshotFileReader(file)?.head }

    /// Nobody can build a state from these any more.
    private func spoilTheLog() {
        world.log.tamper("control") { entries in
            for index in entries.indices where !entries[index].key.hasPrefix("data-key/") {
                entries[index].value[entries[index].value.count - 1] ^= 1
            }
        }
    }

    /// What a new process ends with: open, or the reason for being closed.
    private func outcome(of service: TextService) async throws -> String {
        try await withRunning(service.run) {
            _ = await eventually { service.replica.status.name != "loading" }
            if case .closed(let error) = service.replica.status { return error.reason }
            return service.replica.status.name
        }
    }

    // MARK: - What is not used

    @Test("without it a start needs the whole log")
    func control() async throws {
        try await written()
        spoilTheLog()
        #expect(try await outcome(of: TextService(world.primary)) == "RECORD_NOT_AUTHENTIC")
    }

    @Test(
        "one that was changed, cut off or mixed is removed, and the log is read instead",
        arguments: 0..<7)
    func damaged(_ kind: Int) async throws {
        try await written()
        var bytes = try Data(contentsOf: URL(filePath: file))
        switch kind {
        case 0: bytes[bytes.count - 1] ^= 1
        case 1: bytes[bytes.count / 2] ^= 0x40
        case 2: bytes[20] ^= 1
        case 3: bytes.removeLast(30)
        case 4: bytes = bytes.prefix(9)
        case 5: bytes = Data("no snapshot at all".utf8)
        default: bytes[9] = 0xff
        }
        try bytes.write(to: URL(filePath: file))
        let service = TextService(world.primary, snapshotFile: file)
        try await withRunning(service.run) {
            #expect(await service.isOpen())
            let text = try service.text("key-1")
            #expect(text == "secret-1")
            // The next one is whole again.
            #expect(await eventually { (try? head()) != nil })
        }
    }

    @Test("it holds nothing that can be read, and only its owner may try")
    func sealed() async throws {
        try await written()
        let bytes = try Data(contentsOf: URL(filePath: file))
        #expect(bytes.range(of: Data("secret-".utf8)) == nil)
        #expect(bytes.range(of: Data("key-1".utf8)) == nil)
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test("a refused key closes the Region with the snapshot as without; then it opens")
    func refusedKey() async throws {
        try await written()
        world.primary.keys.fail(FakeKeys.disabled)
        let service = TextService(world.primary, snapshotFile: file)
        try await withRunning(service.run) {
            #expect(await service.closedReason() == "DisabledException")
            #expect(throws: RPCError.self) { try service.text("key-1") }
            world.primary.keys.fail(nil)
            #expect(await service.isOpen())
            let text = try service.text("key-1")
            #expect(text == "secret-1")
        }
    }

    @Test("one of another log is not used")
    func otherLog() async throws {
        try await written()
        let other = TwoRegions()
        other.log.rename("log-2")
        let service = TextService(other.primary, snapshotFile: file)
        try await withRunning(service.run) {
            #expect(await service.isOpen())
            let text = try service.text("key-1")
            #expect(text == nil)
        }
    }

    @Test("where there is no instance any more there is no snapshot")
    func removed() async throws {
        try await written()
        world.primary.coordinator.setInstance(nil)
        let service = TextService(world.primary, snapshotFile: file)
        try await withRunning(service.run) {
            #expect(await eventually { !FileManager.default.fileExists(atPath: file) })
        }
    }

    @Test("a state that has left something out writes none")
    func incomplete() async throws {
        let writer = TextService(world.primary, snapshotFile: file)
        try await withRunning(writer.run) {
            #expect(await writer.isOpen())
            try writer.replica.read { $0.unknownKeys = ["other"] }
            _ = try await writer.put("a", "b")
            try await Task.sleep(for: .milliseconds(100))
            #expect(!FileManager.default.fileExists(atPath: file))
        }
    }

    @Test("one is due after many entries, or a day after the last when anything has changed")
    func due() {
        let pace = SnapshotPace(entriesMin: 100)
        let now = Date()
        #expect(!pace.isDue(entries: 99, of: 99, written: nil, now: now))
        #expect(pace.isDue(entries: 100, of: 2_000, written: nil, now: now))
        #expect(!pace.isDue(entries: 100, of: 2_020, written: now, now: now))
        #expect(!pace.isDue(entries: 1, of: 1, written: now - 86_399, now: now))
        #expect(pace.isDue(entries: 1, of: 1, written: now - 86_400, now: now))
        #expect(!pace.isDue(entries: 0, of: 1, written: now - 86_400, now: now))
    }

    // MARK: - What it is good for

    @Test("a start needs only what was written since")
    func start() async throws {
        try await written()
        spoilTheLog()
        let service = TextService(world.primary, snapshotFile: file)
        try await withRunning(service.run) {
            #expect(await service.isOpen())
            #expect(try service.text("key-2") == "secret-2")
            let later = try await service.put("key-2", "later")
            #expect(try service.text("key-2") == "later")
            #expect(service.replica.covers(later.position))
        }
        // And the next start from what that one wrote.
        #expect(try await outcome(of: TextService(world.primary, snapshotFile: file)) == "open")
    }

    @Test("it is not opened before the moment at which its file was finished")
    func opensLate() {
        var core = ReplicaCore<TextState>()
        let head = StateSnapshotHead.with {
            $0.logID = "log-1"
            $0.from = [.with { ($0.stream, $0.epoch, $0.sequence) = ("control", 1, 5) }]
        }
        let end = StateSnapshotEnd.with {
            $0.through = [.with { ($0.stream, $0.epoch, $0.sequence) = ("control", 1, 8) }]
        }
        core.adopt(TextState(), head, end)
        #expect(core.positions.map(\.sequence) == [5])
        for sequence in 6...8 as ClosedRange<UInt64> {
            #expect(!core.isWhole)
            core.advance(
                to: .with { ($0.stream, $0.epoch, $0.sequence) = ("control", 1, sequence) })
        }
        #expect(core.isWhole)
    }
}
