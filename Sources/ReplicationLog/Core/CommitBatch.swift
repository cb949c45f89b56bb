package import Contracts

/// Gathers whole commits up to a size. A commit that is larger than the limit goes alone.
package struct CommitBatch: Sendable {
    package private(set) var entries: [LogEntry] = []
    /// Whether an entry has been turned away.
    package private(set) var isFull = false
    private let entriesMax: Int
    private let bytesMax: Int
    private var bytes = 0
    /// Where the commit that is being gathered begins.
    private var commitStart = 0

    package init(entriesMax: Int, bytesMax: Int) {
        self.entriesMax = entriesMax
        self.bytesMax = bytesMax
    }

    /// Takes the next entry; false when the batch is full, which may also drop the commit it
    /// belongs to.
    package mutating func add(_ entry: LogEntry) -> Bool {
        if let last = entries.last, entry.commit != last.commit {
            guard entries.count < entriesMax else {
                isFull = true
                return false
            }
            commitStart = entries.count
        }
        bytes += entry.key.utf8.count + entry.value.count + AppendRules.entryOverheadBytes
        if bytes > bytesMax, commitStart > 0 {
            entries.removeSubrange(commitStart...)
            isFull = true
            return false
        }
        entries.append(entry)
        return true
    }

    /// Where a reader stands after the batch.
    package func through(head: LogPosition) -> LogPosition {
        guard isFull, let last = entries.last else { return head }
        var through = head
        through.sequence = last.commit
        through.epoch = last.epoch
        return through
    }
}
