import Contracts
import Foundation
import ReplicationLog
import ServiceKit
import SwiftProtobuf

@testable import CoordinatorService

/// Stores and backups in a directory of their own, removed at the end.
final class LogPlace: Sendable {
    static let logID = "11111111-1111-4111-8111-111111111111"

    let directory = FileManager.default.temporaryDirectory.appending(
        path: "portolan-transfer-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func store(_ name: String, region: String = "eu-central-1") -> LogStore {
        LogStore(
            region: region, storage: .sqlite, directory: directory.appending(path: name).path)
    }

    var series: BackupSeries { series("backups") }

    func series(_ name: String) -> BackupSeries {
        BackupSeries(directory: directory.appending(path: name))
    }

    func primary(_ store: LogStore) async throws -> any LogEngine {
        let engine = try store.open()
        try await engine.establish(
            LogIdentity(
                logID: Self.logID, region: store.region, primaryRegion: store.region, epoch: 1,
                mayWriteOwnStream: true))
        return engine
    }

    static func record(_ key: String, version: UInt64 = 1, _ value: String = "") -> LogRecord {
        .with {
            $0.key = key
            $0.version = version
            $0.value = Data((value.isEmpty ? key : value).utf8)
        }
    }

    @discardableResult
    static func append(
        _ engine: any LogEngine, _ key: String, version: UInt64 = 1,
        stream: StreamName = .control, domain: String = "directory",
        at time: Int64 = 1_790_000_000_000_000
    ) async throws -> LogPosition {
        try await engine.append(
            AppendCommand(
                stream: stream, domain: domain, expectedDomainSequence: nil,
                records: [record(key, version: version)], writtenAtMicroseconds: time)
        ).position
    }
}
