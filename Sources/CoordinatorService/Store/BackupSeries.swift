package import Contracts
package import Foundation
import ReplicationLog

/// A directory of backup files of one Region: each whole, or what came after the one before.
package struct BackupSeries: Sendable {
    private static let suffix = "portolan-backup"

    package let directory: URL

    /// One moment that can be restored.
    package struct Point: Sendable {
        /// Counted from 1.
        package let number: Int
        package let url: URL
        package let header: BackupHeader
        package let bytes: UInt64

        package var isWhole: Bool { header.previous.isEmpty }
        package var takenAtMicroseconds: Int64 { header.takenAtUs }
    }

    package init(directory: URL) { self.directory = directory }

    func url(of number: Int) -> URL {
        let digits = String(number)
        let name = String(repeating: "0", count: max(0, 8 - digits.count)) + digits
        return directory.appending(path: "\(name).\(Self.suffix)")
    }

    /// All points, oldest first. Only the files' headers are read.
    ///
    /// Throws `LogError` when the directory or a header cannot be read.
    package func points() throws -> [Point] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        return try names.filter { $0.hasSuffix("." + Self.suffix) }
            .compactMap { Int($0.prefix { $0 != "." }) }.sorted().map(point)
    }

    private func point(_ number: Int) throws -> Point {
        var reader = try BackupReader(url(of: number))
        guard case .header(let header) = try reader.next()?.kind else {
            throw LogError(.checksumMismatch, "Backup \(number) has no header.")
        }
        return Point(
            number: number, url: url(of: number), header: header, bytes: reader.bytesTotal)
    }

    /// The files that lead to a point, the whole one first.
    ///
    /// Throws `gap` when one of them is missing.
    func chain(to number: Int) throws -> [Point] {
        var chain: [Point] = []
        for point in try points().reversed() where point.number <= number {
            if chain.isEmpty, point.number != number { break }
            guard chain.last.map({ $0.number == point.number + 1 }) ?? true else { break }
            chain.append(point)
            if point.isWhole { return chain.reversed() }
        }
        throw LogError(.gap, "The files that lead to backup \(number) are not all there.")
    }
}
