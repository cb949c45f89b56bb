import Contracts
package import ReplicationLog

/// How a log is brought to a moment between two points of a series.
package struct MomentPlan: Sendable {
    /// The files to be read, the whole one first.
    let points: [BackupSeries.Point]
    /// Where each stream then ends.
    package let cuts: [StreamCut]
    /// The Region's part in the log as it was known at or before the moment, if one of the files says.
    let known: LogIdentity?
    /// Time of the newest change that is restored.
    package let lastChangeMicroseconds: Int64
}

/// Why a moment cannot be restored, and which are the nearest ones that can.
package struct MomentRefusal: Error, CustomStringConvertible, Sendable {
    package let explanation: String
    package var earlier: Int64?
    package var later: Int64?

    package var description: String {
        let near = [
            earlier.map { "the last moment before it that can be restored is \(Self.text($0))" },
            later.map { "the first one after it is \(Self.text($0))" },
        ].compactMap(\.self)
        return ([explanation] + near).joined(separator: "; ") + "."
    }

    /// Exact to the microsecond, as `--at` takes it.
    package static func text(_ microseconds: Int64) -> String { MomentText.text(microseconds) }
}

extension BackupSeries {
    /// Finds how to restore a moment, exactly, without writing anything.
    ///
    /// Throws: `MomentRefusal` when the series does not hold it; `LogError` when a file is damaged or
    /// missing.
    package func plan(at moment: Int64) throws -> MomentPlan {
        let points = try points()
        do {
            return try plan(at: moment, points)
        } catch var refusal as MomentRefusal {
            // What is named has been tried.
            refusal.earlier = try nearest(refusal.earlier, points) { $0.last { $0 < moment } }
            refusal.later = try nearest(refusal.later, points) { $0.first { $0 > moment } }
            throw refusal
        }
    }

    private func nearest(
        _ found: Int64?, _ points: [Point], _ pick: ([Int64]) -> Int64?
    ) throws -> Int64? {
        for candidate in [found, pick(points.map(\.takenAtMicroseconds).sorted())] {
            guard let candidate else { continue }
            do {
                _ = try plan(at: candidate, points)
                return candidate
            } catch is MomentRefusal { continue }
        }
        return nil
    }

    private func plan(at moment: Int64, _ points: [Point]) throws -> MomentPlan {
        guard let end = points.first(where: { $0.takenAtMicroseconds >= moment }) else {
            throw MomentRefusal(explanation: "No backup was taken at or after that moment")
        }
        var chain = try chain(to: end.number)
        var scan = MomentScan(moment: moment)
        for point in chain { try self.scan(point, &scan) }
        // Clocks differ a little, and what other Regions wrote arrives later: while the next file
        // still brings something of that time it belongs to it.
        for next in points where next.number > end.number {
            guard let last = chain.last, next.number == last.number + 1, !next.isWhole,
                try next.header.logIdentity()?.incarnation
                    == last.header.logIdentity()?.incarnation
            else { break }
            var more = scan
            try self.scan(next, &more)
            guard more.cuts != scan.cuts else { break }
            scan = more
            chain.append(next)
        }
        let known = chain.last { $0.takenAtMicroseconds <= moment }
        try check(scan, chain, known)
        return MomentPlan(
            points: chain, cuts: scan.cuts, known: try known?.header.logIdentity(),
            lastChangeMicroseconds: scan.lastChangeMicroseconds)
    }

    private func scan(_ point: Point, _ scan: inout MomentScan) throws {
        var reader = try BackupReader(point.url)
        while let part = try reader.next() {
            switch part.kind {
            case .header(let header): scan.begin(header)
            case .entries(let entries): scan.take(entries)
            default: break
            }
        }
        scan.end()
    }

    private func check(_ scan: MomentScan, _ chain: [Point], _ known: Point?) throws {
        guard let last = chain.last, let identity = try last.header.logIdentity(),
            scan.cuts.contains(where: { $0.stream == .control && $0.sequence > 0 })
        else {
            throw MomentRefusal(explanation: "The Region held no log at that moment")
        }
        if let known, let before = try known.header.logIdentity(), before.logID != identity.logID {
            throw MomentRefusal(
                explanation: "The Region changed to another log after backup \(known.number)")
        }
        guard let stream = scan.inexact.first else { return }
        throw MomentRefusal(
            explanation: "Something of \(stream) that stood at that moment had been replaced, and "
                + "removed, before backup \(last.number) was taken",
            earlier: scan.exactBefore, later: scan.exactFrom)
    }
}
