import Foundation
import ReplicationLog

/// Exports of a former primary in a Region whose coordinators share a database: what one of them has
/// exported must not be lost with its machine, as it is taken out of the log afterwards.
extension Coordinator {
    private static let partBytesMax = 1 << 20

    /// Keeps a file of the data directory in the database as well.
    func keep(_ path: String) async throws {
        guard engine.isShared else { return }
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw CocoaError(.fileReadUnknown)
        }
        let name = (path as NSString).lastPathComponent
        try await engine.keepFile(name) {
            let part = try file.read(upToCount: Self.partBytesMax)
            return part?.isEmpty ?? true ? nil : part
        }
    }

    /// Fetches what others have kept and this data directory lacks.
    func fetchKeptExports() async throws {
        guard engine.isShared else { return }
        let directory = ForkExport.directory(settings)
        for name in try await engine.keptFiles() where Self.isExport(name) {
            let path = "\(directory)/\(name)"
            guard !FileManager.default.fileExists(atPath: path) else { continue }
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            let file = try DurableFile(path: path)
            try await engine.readFile(name) { try file.write($0) }
            try file.finish()
        }
    }

    /// A name becomes part of a path.
    static func isExport(_ name: String) -> Bool {
        name.hasPrefix("epoch-") && (name.hasSuffix(".jsonl") || name.hasSuffix(".txt"))
            && name.utf8.count < 128
            && name.utf8.allSatisfy { byte in
                byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            }
    }
}
