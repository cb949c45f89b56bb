import Contracts
import Foundation
import ReplicationLog
import ServiceKit
import SwiftProtobuf
import Testing

@testable import CoordinatorService

@Suite("The instance as a later version has written it", .timeLimit(.minutes(1)))
struct LaterInstanceTests {
    /// A field that no version knows.
    private static let field: [UInt8] = [0xF8, 0x3F, 0x2A]

    private func newest(_ key: String, _ engine: any LogEngine) async throws -> LogEntry {
        let entries = try await engine.snapshot(
            stream: .control, domain: DomainOwners.instance, keyPrefix: key)
        return try #require(entries.first { $0.key == key })
    }

    @Test("changes by this version keep the fields it does not know")
    func kept() async throws {
        let world = try await World()
        try await world.instanceReadyToReplicate()
        await world.stop(World.primary)
        let store = LogStore(
            region: World.primary, storage: .sqlite,
            directory: world.directory.appending(path: World.primary).path)
        var engine = try store.open()
        for key in [InstanceKey.instance, InstanceKey.region(World.primary)] {
            let entry = try await newest(key, engine)
            let record = LogRecord.with {
                $0.key = key
                $0.version = entry.version + 1
                $0.value = entry.value + Self.field
            }
            _ = try await engine.append(
                AppendCommand(
                    stream: .control, domain: DomainOwners.instance, expectedDomainSequence: nil,
                    records: [record], writtenAtMicroseconds: entry.writtenAtUs + 1))
        }
        await engine.close()
        try await world.start(World.primary)
        _ = try await world.administration().updateInstance(.with { $0.name = "Renamed" })
        try await world.add(World.second)
        await world.stop(World.primary)
        engine = try store.open()
        let entry = try await newest(InstanceKey.instance, engine)
        let instance = try CoordinatorInstance(serializedBytes: entry.value)
        #expect(instance.name == "Renamed")
        #expect(Array(instance.unknownFields.data) == Self.field)
        let region = try CoordinatorRegion(
            serializedBytes: try await newest(InstanceKey.region(World.primary), engine).value)
        #expect(Array(region.unknownFields.data) == Self.field)
        await engine.close()
        await world.end()
    }
}
