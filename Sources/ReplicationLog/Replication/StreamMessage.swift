package import Contracts

/// What a Region says to one that replicates from it: entries of one stream and where they lead.
package struct StreamMessage: Sendable {
    package var stream: StreamName
    package var entries: [LogEntry]
    /// Where the sender believes the receiver stood.
    package var after: UInt64
    package var through: LogPosition
    /// Where the sender stands.
    package var head: LogPosition
    /// Entries that the sender holds of the stream.
    package var entriesTotal: UInt64
    /// Superseded entries up to here may be missing.
    package var compactedThrough: UInt64
    /// Tombstones up to here were gone when the entries were read.
    package var purgedThrough: UInt64

    package init(
        stream: StreamName, entries: [LogEntry], after: UInt64, through: LogPosition,
        head: LogPosition, entriesTotal: UInt64, compactedThrough: UInt64,
        purgedThrough: UInt64
    ) {
        self.stream = stream
        self.entries = entries
        self.after = after
        self.through = through
        self.head = head
        self.entriesTotal = entriesTotal
        self.compactedThrough = compactedThrough
        self.purgedThrough = purgedThrough
    }

    /// The message as something received: to be validated, then applied.
    package func received(from sender: String, logID: String) -> ReceivedBatch {
        ReceivedBatch(
            sender: sender, logID: logID, stream: stream.text, entries: entries, after: after,
            through: through, compactedThrough: compactedThrough, purgedThrough: purgedThrough)
    }
}
