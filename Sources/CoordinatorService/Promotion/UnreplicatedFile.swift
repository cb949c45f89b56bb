import Contracts
import Foundation
import ReplicationLog

/// The form of an export: JSON lines, a header first, then one line per entry in the order of the log.
///
/// Values are as in the log, sealed: who has the file alone reads who changed what and when, not what
/// it says.
enum UnreplicatedFile {
    static let format = "portolan-unreplicated/1"

    struct Header: Codable, Sendable {
        struct Position: Codable, Sendable {
            var epoch: UInt64
            var sequence: UInt64
        }
        struct Reign: Codable, Sendable {
            var epoch: UInt64
            var primaryRegion: String
            var afterSequence: UInt64
        }
        var format = UnreplicatedFile.format
        var instanceArn: String
        var logId: String
        var region: String
        /// The reign that was over, and the one that had begun.
        var ended: Reign
        var began: Reign
        /// The last position both had, and the last that only this Region had.
        var fork: Position
        var last: Position
        /// Without canaries, which say nothing.
        var entries = 0
        /// Those of them that are damaged; absent for none.
        var damaged: Int?
        var exportedAt: String
    }

    struct Line: Codable, Sendable {
        var sequence: UInt64
        var epoch: UInt64
        /// Entries with the same commit were written together.
        var commit: UInt64
        var domain: String
        var key: String
        var version: UInt64
        var tombstone: Bool
        var writtenAt: String
        /// Base64; absent for a tombstone.
        var value: Data?
        /// Set when storage had spoiled the entry: the line is what lay there, and nothing but a sealed
        /// value that opens can be relied on.
        var damaged: Bool?

        init(_ entry: LogEntry) {
            sequence = entry.sequence
            epoch = entry.epoch
            commit = entry.commit
            domain = entry.domain
            key = entry.key
            version = entry.version
            tombstone = entry.tombstone
            writtenAt = UnreplicatedFile.time(entry.writtenAtUs)
            value = entry.tombstone ? nil : entry.value
        }
    }

    static func time(_ microseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(microseconds) / 1_000_000)
            .formatted(.iso8601.time(includingFractionalSeconds: true))
    }

    static func encoded(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value) + Data("\n".utf8)
    }
}

/// A file that appears whole and durable under its name, or not at all.
struct DurableFile {
    private let handle: FileHandle
    private let path: String

    /// Readable by its owner alone.
    init(path: String) throws {
        self.path = path
        let temporary = path + ".part"
        guard
            FileManager.default.createFile(
                atPath: temporary, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: temporary)
        else { throw CocoaError(.fileWriteUnknown) }
        self.handle = handle
    }

    func write(_ data: Data) throws { try handle.write(contentsOf: data) }

    func finish() throws {
        try handle.synchronize()
        try handle.close()
        guard rename(path + ".part", path) == 0 else { throw CocoaError(.fileWriteUnknown) }
        let directory = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY)
        guard directory >= 0 else { throw CocoaError(.fileWriteUnknown) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
