import Contracts
import DequeModule
import ReplicationLog

/// The newest entries of one stream, bounded by number and bytes.
struct RecentEntries {
    static let entriesMax = 16_384
    static let bytesMax = 8 << 20

    /// All entries after this sequence are here.
    private var coverage: UInt64
    private var entries: Deque<LogEntry> = []
    private var bytes = 0
    private(set) var head = LogPosition()
    private var compactedThrough: UInt64 = 0

    init(after sequence: UInt64) { coverage = sequence }

    mutating func append(_ news: ArraySlice<LogEntry>) {
        for entry in news {
            entries.append(entry)
            bytes += Self.size(of: entry)
        }
        while entries.count > Self.entriesMax || bytes > Self.bytesMax,
            let oldest = entries.popFirst()
        {
            coverage = oldest.sequence
            bytes -= Self.size(of: oldest)
        }
    }

    mutating func stand(_ stream: StreamState) {
        head = stream.position
        compactedThrough = stream.compactedThrough
    }

    func read(_ query: ReadQuery) -> ReadResult? {
        guard query.after >= coverage, query.after <= head.sequence else { return nil }
        var batch = CommitBatch(entriesMax: query.entriesMax, bytesMax: query.bytesMax)
        for index in firstIndex(after: query.after)..<entries.count {
            let entry = entries[index]
            if let domains = query.domains, !domains.contains(entry.domain) { continue }
            guard batch.add(entry) else { break }
        }
        // Tombstones stay here when they go from the disk: nothing is missing behind the reader.
        return ReadResult(
            entries: batch.entries, through: batch.through(head: head), isAtHead: !batch.isFull,
            compactedThrough: compactedThrough, purgedThrough: 0)
    }

    private func firstIndex(after sequence: UInt64) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].sequence <= sequence {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private static func size(of entry: LogEntry) -> Int {
        entry.key.utf8.count + entry.value.count + AppendRules.entryOverheadBytes
    }
}
