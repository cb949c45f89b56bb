import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf

extension Coordinator {
    /// The exports that lie in the data directory, oldest first; those of the Region's other coordinators
    /// are fetched before.
    func unreplicatedExports() async throws -> [CoordinatorListUnreplicatedResponse.Export] {
        try await fetchKeptExports()
        let directory = ForkExport.directory(settings)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasSuffix(".jsonl") }.sorted().prefix(100).compactMap { name in
            export(at: "\(directory)/\(name)")
        }.sorted { $0.exportedAtUs < $1.exportedAtUs }
    }

    private func export(at path: String) -> CoordinatorListUnreplicatedResponse.Export? {
        guard let file = FileHandle(forReadingAtPath: path),
            let start = try? file.read(upToCount: 16 << 10),
            let header = try? JSONDecoder().decode(
                UnreplicatedFile.Header.self, from: start.prefix { $0 != UInt8(ascii: "\n") })
        else { return nil }
        let reportPath = path.replacingOccurrences(of: ".jsonl", with: ".txt")
        let report = (try? String(contentsOfFile: reportPath, encoding: .utf8)) ?? ""
        let exportedAt = try? Date(
            header.exportedAt, strategy: .iso8601.time(includingFractionalSeconds: true))
        return .with {
            $0.path = path
            $0.reportPath = reportPath
            $0.entries = UInt64(clamping: header.entries)
            $0.ended = header.ended.wire
            $0.began = header.began.wire
            $0.fork = header.fork.wire
            $0.last = header.last.wire
            $0.exportedAtUs = Int64((exportedAt?.timeIntervalSince1970 ?? 0) * 1_000_000)
            $0.report = String(report.prefix(256 << 10))
        }
    }
}

extension UnreplicatedFile.Header.Reign {
    fileprivate var wire: LogReign {
        .with {
            $0.epoch = epoch
            $0.primaryRegion = primaryRegion
            $0.afterSequence = afterSequence
        }
    }
}

extension UnreplicatedFile.Header.Position {
    fileprivate var wire: LogPosition {
        .with {
            $0.stream = StreamName.control.text
            $0.epoch = epoch
            $0.sequence = sequence
        }
    }
}
