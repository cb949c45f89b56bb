import Contracts
import Foundation
import Logging
import ReplicationLog
import SwiftProtobuf

/// Writes what this Region holds beyond the log's history into a file, and a report for people beside
/// it. Doing it again gives the same file.
struct ForkExport {
    struct Result {
        var path: String
        var reportPath: String
        /// Without canaries, which say nothing.
        var entries: Int
        /// Those of them that storage has spoiled.
        var damaged: Int
    }

    private struct Found {
        var entry: LogEntry
        var isDamaged = false
    }

    private static let reportLinesMax = 1_000

    let coordinator: Coordinator
    let identity: LogIdentity
    let fork: UInt64

    static func directory(_ settings: CoordinatorSettings) -> String {
        settings.dataDirectory + "/unreplicated"
    }

    /// Nil when there was nothing but canaries, or nothing at all.
    func run() async throws -> Result? {
        let state = coordinator.engine.state
        guard let stream = state.streams[.control], stream.head > fork else { return nil }
        let directory = Self.directory(coordinator.settings)
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        let path = "\(directory)/epoch-\(stream.headEpoch)-\(fork + 1)-\(stream.head).jsonl"
        var header = header(stream)
        var damaged = 0
        try await forEachEntry(through: stream.head) { found in
            header.entries += 1
            damaged += found.isDamaged ? 1 : 0
        }
        if damaged > 0 { header.damaged = damaged }
        guard header.entries > 0 else { return nil }
        let file = try DurableFile(path: path)
        try file.write(try UnreplicatedFile.encoded(header))
        var report = ForkReport(header)
        try await forEachEntry(through: stream.head) { found in
            var line = UnreplicatedFile.Line(found.entry)
            if found.isDamaged { line.damaged = true }
            try file.write(try UnreplicatedFile.encoded(line))
            report.note(
                found.entry, isDamaged: found.isDamaged, listed: Self.reportLinesMax)
        }
        try file.finish()
        let reportPath = path.replacingOccurrences(of: ".jsonl", with: ".txt")
        let text = report.text(events: try await events(report), file: path)
        let reportFile = try DurableFile(path: reportPath)
        try reportFile.write(Data(text.utf8))
        try reportFile.finish()
        return Result(
            path: path, reportPath: reportPath, entries: header.entries, damaged: damaged)
    }

    private func header(_ stream: StreamState) -> UnreplicatedFile.Header {
        let reigns = identity.history.reigns
        let began = reigns.first { $0.epoch > stream.headEpoch } ?? identity.history.current
        // A reign that another one has taken the place of was this Region's own.
        let writer = reigns.first { $0.epoch == stream.headEpoch && began != $0 }
        return UnreplicatedFile.Header(
            instanceArn: coordinator.instance.instance?.instanceArn ?? "", logId: identity.logID,
            region: coordinator.region,
            ended: .init(
                epoch: stream.headEpoch, primaryRegion: writer?.primaryRegion ?? coordinator.region,
                afterSequence: writer?.after ?? fork),
            began: .init(
                epoch: began.epoch, primaryRegion: began.primaryRegion, afterSequence: began.after),
            fork: .init(
                epoch: identity.history.epoch(at: max(fork, 1)), sequence: fork),
            last: .init(epoch: stream.headEpoch, sequence: stream.head),
            exportedAt: UnreplicatedFile.time(coordinator.now()))
    }

    private func forEachEntry(
        through head: UInt64, _ body: (Found) throws -> Void
    ) async throws {
        var after = fork
        while after < head {
            let (found, through) = try await next(after: after, through: head)
            for one in found where one.entry.domain != DomainOwners.canary { try body(one) }
            guard through > after else { return }
            after = through
        }
    }

    /// The next entries, and where they lead. One that is damaged for good does not hold up the rest:
    /// who else should have it?
    private func next(
        after: UInt64, through head: UInt64
    ) async throws -> (found: [Found], through: UInt64) {
        do {
            // What compaction has removed was replaced by what is read.
            let place = ReadingPlace(after: after, purgedBefore: .max)
            let result = try await coordinator.read(ReadQuery(stream: .control, from: place))
            return (result.entries.map { Found(entry: $0) }, result.through.sequence)
        } catch let error as LogError where error.damaged?.stream == .control {
            let through = min(after + 500, head)
            let sequences = Array(after + 1...through)
            let engine = coordinator.engine
            let found =
                try await engine.entries(of: .control, at: sequences).map { Found(entry: $0) }
                + engine.damaged(of: .control, at: sequences).map {
                    Found(entry: $0, isDamaged: true)
                }
            return (found.sorted { $0.entry.sequence < $1.entry.sequence }, through)
        }
    }

    /// What the trail of this Region says of the time in question.
    private func events(_ report: ForkReport) async throws -> [TrailRecordedEvent] {
        guard let first = report.firstWritten, let last = report.lastWritten else { return [] }
        return try await coordinator.engine.lookUp(
            TrailQuery(
                attribute: .readOnly(false), fromMicroseconds: first - 2_000_000,
                toMicroseconds: last + 2_000_000, before: nil, limit: Self.reportLinesMax))
    }
}

/// The report for people.
struct ForkReport {
    private let header: UnreplicatedFile.Header
    private(set) var firstWritten: Int64?
    private(set) var lastWritten: Int64?
    private var counts: [String: Int] = [:]
    private var lines: [String] = []
    private var damaged = 0

    init(_ header: UnreplicatedFile.Header) { self.header = header }

    mutating func note(_ entry: LogEntry, isDamaged: Bool, listed limit: Int) {
        if isDamaged {
            damaged += 1
        } else {
            firstWritten = min(firstWritten ?? entry.writtenAtUs, entry.writtenAtUs)
            lastWritten = max(lastWritten ?? entry.writtenAtUs, entry.writtenAtUs)
        }
        counts[entry.domain, default: 0] += 1
        guard lines.count < limit else { return }
        let action =
            if entry.tombstone { "deleted" } else if entry.version == 1 { "created" } else {
                "changed"
            }
        lines.append(
            "  \(entry.sequence)  \(UnreplicatedFile.time(entry.writtenAtUs))  "
                + "\(entry.domain)  \(action)  \(entry.key)"
                + (isDamaged ? "  DAMAGED, epoch \(entry.epoch)" : ""))
    }

    func text(events: [TrailRecordedEvent], file: String) -> String {
        let counted = counts.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }
            .joined(separator: ", ")
        var text = """
            Entries that \(header.region) had acknowledged and that are not part of the log

            \(header.ended.primaryRegion) was the primary of epoch \(header.ended.epoch); here its \
            entries went on to \(header.last.sequence).
            \(header.began.primaryRegion) became the primary of epoch \(header.began.epoch) with what \
            it had received, up to \(header.fork.sequence).
            \(header.entries) entries were left over (\(counted)).
            They have been dropped from the log here. Nothing of them has been merged.

            See what they are, and what applying them again would do:
              portolan region reapply --dry-run \(file)
            Apply what still makes sense:
              portolan region reapply \(file)

            Entries
            \(lines.joined(separator: "\n"))

            """
        if header.entries > lines.count {
            text += "  and \(header.entries - lines.count) more\n"
        }
        if damaged > 0 {
            text += """

                \(damaged) of them were damaged on the disk, and no other Region had them: what is \
                shown of those may be wrong. They can be applied again only if their sealed value is \
                whole.

                """
        }
        text += "\nWhat the trail of \(header.region) says of that time, newest first\n"
        for event in events {
            text +=
                "  \(UnreplicatedFile.time(event.eventTimeUs))  \(event.event.eventName)  by "
                + "\(event.event.actor.userName)  \(event.event.requestParametersJson.prefix(300))\n"
        }
        return text
    }
}
