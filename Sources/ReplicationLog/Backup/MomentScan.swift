package import Contracts

/// Where a stream ends at a moment.
package struct StreamCut: Hashable, Sendable {
    package let stream: StreamName
    /// Its last entry, or 0.
    package var sequence: UInt64 = 0
    package var epoch: UInt64 = 0

    package init(stream: StreamName) { self.stream = stream }
}

/// Walks over the files of a backup and finds where each stream was cut at a moment: behind its last
/// entry whose time is not after it.
///
/// What stood there can be had only if compaction had removed nothing of it when the file was made. A
/// file tells: entries removed leave a hole, and what replaced them stands at `compactedThrough` at
/// the latest.
package struct MomentScan: Sendable {
    /// Microseconds since 1970.
    package let moment: Int64
    private var streams: [StreamName: StreamScan] = [:]
    /// Whether the file was made by the moment.
    private var isOfBefore = false

    package init(moment: Int64) { self.moment = moment }

    /// The streams that are held after these files, in order of name.
    package var cuts: [StreamCut] {
        streams.values.map(\.cut).sorted { $0.stream.text < $1.stream.text }
    }

    /// Time of the newest change that the cuts leave; 0 when there is none.
    package var lastChangeMicroseconds: Int64 {
        streams.values.map(\.newestMicroseconds).max() ?? 0
    }

    /// What cannot be had any more, in order of name.
    package var inexact: [StreamName] {
        streams.values.filter { !$0.isExact }.map(\.cut.stream).sorted { $0.text < $1.text }
    }

    /// The last moment before this one for which all streams can be had; nil when that is none of
    /// those within the last file.
    package var exactBefore: Int64? {
        let bounds = streams.values.filter { !$0.isExact }.map(\.exactBefore)
        return bounds.contains(nil) ? nil : bounds.compactMap(\.self).min()
    }

    /// The first moment after this one for which they can.
    package var exactFrom: Int64? {
        streams.values.filter { !$0.isExact }.map(\.exactFrom).max()
    }

    /// Begins with the next file.
    package mutating func begin(_ header: BackupHeader) {
        isOfBefore = header.takenAtUs <= moment
        var next: [StreamName: StreamScan] = [:]
        for part in header.streams {
            guard let name = StreamName(part.name) else { continue }
            var scan = StreamScan(name)
            if part.after > 0, let held = streams[name] { scan = held }
            scan.begin(part)
            next[name] = scan
        }
        streams = next
    }

    package mutating func take(_ entries: BackupEntries) {
        for stored in entries.entries {
            guard let name = StreamName(stored.entry.stream) else { continue }
            streams[name]?.take(stored.entry, moment: moment)
        }
    }

    /// The file has been read whole.
    package mutating func end() {
        for name in streams.keys { streams[name]?.end(isOfBefore: isOfBefore) }
    }
}

/// One stream of a `MomentScan`.
private struct StreamScan: Sendable {
    var cut: StreamCut
    /// Whether what stood at the cut is all there.
    var isExact = true
    var newestMicroseconds: Int64 = 0
    var exactBefore: Int64?
    var exactFrom: Int64 = 0

    private var file = BackupStream()
    /// The last sequence passed.
    private var last: UInt64 = 0
    private var lastMicroseconds: Int64 = 0
    /// Whether something is missing before `last` in the present file.
    private var hasHole = false
    /// Whether an entry after the cut has been seen.
    private var isFollowed = false

    init(_ name: StreamName) { cut = StreamCut(stream: name) }

    mutating func begin(_ part: BackupStream) {
        file = part
        last = part.after
        hasHole = false
        if isExact { exactBefore = nil }
    }

    mutating func take(_ entry: LogEntry, moment: Int64) {
        let isBehindHole = entry.sequence != last + 1
        if isBehindHole, !hasHole {
            hasHole = true
            // Before the last entry that nothing is missing before or directly after.
            if last > file.after { exactBefore = lastMicroseconds - 1 }
        }
        // What has come by `compactedThrough` holds what replaced all that is gone.
        if last < file.compactedThrough { exactFrom = max(exactFrom, entry.writtenAtUs) }
        if entry.writtenAtUs <= moment {
            cut.sequence = entry.sequence
            cut.epoch = entry.epoch
            newestMicroseconds = max(newestMicroseconds, entry.writtenAtUs)
            isExact = !hasHole || file.compactedThrough <= entry.sequence
            isFollowed = false
        } else if !isFollowed {
            // What is missing there may have been written before the moment.
            if isBehindHole { isExact = false }
            isFollowed = true
        }
        last = entry.sequence
        lastMicroseconds = entry.writtenAtUs
    }

    /// Behind the last entry of a stream only deletions that are no longer remembered can be missing.
    /// What they deleted was still there at a moment before the file, perhaps.
    mutating func end(isOfBefore: Bool) {
        guard last < file.head.sequence else { return }
        last = file.head.sequence
        guard !isFollowed else { return }
        cut.sequence = file.head.sequence
        cut.epoch = file.head.epoch
        isExact = isOfBefore
    }
}
