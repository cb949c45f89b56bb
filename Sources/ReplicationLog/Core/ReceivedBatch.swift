package import Contracts

/// Entries that another Region sent: not trusted until `validated` has said so.
package struct ReceivedBatch: Sendable {
    /// The Region at the other end, as its certificate says.
    package let sender: String
    package let logID: String
    package let stream: String
    package let entries: [LogEntry]
    /// Where the sender believes this Region stood.
    package let after: UInt64
    package let through: LogPosition
    /// Superseded entries up to here may be missing.
    package let compactedThrough: UInt64
    /// Tombstones up to here were gone when the entries were read.
    package let purgedThrough: UInt64

    package init(
        sender: String, logID: String, stream: String, entries: [LogEntry], after: UInt64,
        through: LogPosition, compactedThrough: UInt64, purgedThrough: UInt64
    ) {
        self.sender = sender
        self.logID = logID
        self.stream = stream
        self.entries = entries
        self.after = after
        self.through = through
        self.compactedThrough = compactedThrough
        self.purgedThrough = purgedThrough
    }

    /// Checks everything that needs no state: form, limits, order, commits, checksums.
    ///
    /// Throws: `invalidRecord`, `checksumMismatch`, `gap`.
    package func validated() throws(LogError) -> ValidatedBatch {
        guard let name = StreamName(stream) else {
            throw LogError(.invalidRecord, "A batch names no stream.")
        }
        guard through.stream == stream, through.sequence < 1 << 47, after <= through.sequence,
            purgedThrough < 1 << 47
        else {
            throw LogError(.invalidRecord, "A batch of \(stream) ends nowhere.")
        }
        var previous = after
        var commit: UInt64 = 0
        var epoch: UInt64 = 0
        for (index, entry) in entries.enumerated() {
            try checkForm(of: entry, at: index)
            guard entry.sequence > previous, entry.commit >= entry.sequence,
                entry.commit <= through.sequence,
                entry.commit == commit || entry.sequence > commit, entry.epoch >= epoch
            else {
                throw LogError(.gap, "Entries of \(stream) are out of order.")
            }
            try checkDense(from: previous, to: entry.sequence)
            (previous, commit, epoch) = (entry.sequence, entry.commit, entry.epoch)
        }
        guard through.epoch >= epoch else {
            throw LogError(.epochStale, "A batch of \(stream) ends in an earlier epoch.")
        }
        try checkDense(from: previous, to: through.sequence + 1)
        return ValidatedBatch(batch: self, stream: name)
    }

    private func checkForm(of entry: LogEntry, at index: Int) throws(LogError) {
        guard entry.stream == stream,
            (1...AppendRules.domainBytesMax)
                .contains(entry.domain.utf8.count)
        else {
            throw LogError(.invalidRecord, "An entry does not belong to \(stream).")
        }
        try AppendRules.check(
            key: entry.key, version: entry.version, tombstone: entry.tombstone,
            valueBytes: entry.value.count, at: index)
        guard entry.isIntact else {
            throw LogError(
                .checksumMismatch,
                "Entry \(entry.sequence) of \(stream) is not what its writer wrote.")
        }
    }

    private func checkDense(from previous: UInt64, to next: UInt64) throws(LogError) {
        guard next == previous + 1 || next - 1 <= compactedThrough else {
            throw LogError(
                .gap, "Entries of \(stream) after \(previous) and before \(next) are missing.")
        }
    }
}

/// A batch whose form, order and checksums have been found good. Made only by `validated`.
package struct ValidatedBatch: Sendable {
    package let batch: ReceivedBatch
    package let stream: StreamName

    fileprivate init(batch: ReceivedBatch, stream: StreamName) {
        self.batch = batch
        self.stream = stream
    }

    /// The entries that are news for a Region that stands where `state` says.
    ///
    /// Throws: `logMismatch`, `wrongWriter`, `epochStale`, `epochUnknown`, `gap`.
    package func news(for state: LogState) throws(LogError) -> ArraySlice<LogEntry> {
        let gate = state.gate
        try gate.admitSender(batch.sender, of: stream)
        guard state.identity?.logID == batch.logID else {
            throw LogError(.logMismatch, "The entries belong to another log.")
        }
        let held = state.streams[stream]
        let head = held?.head ?? 0
        guard batch.after <= head else {
            throw LogError(
                .gap,
                "Entries of \(stream) after \(head) are missing: the batch begins after "
                    + "\(batch.after).")
        }
        guard batch.through.sequence > head else { return [] }
        let place = ReadingPlace(after: head, purgedBefore: held?.purgedThrough ?? 0)
        guard place.isServed(purged: batch.purgedThrough) else {
            throw LogError(
                .gap, "Deletions after \(head) in \(stream) are missing: the sender has none left.")
        }
        let news = batch.entries.drop { $0.sequence <= head }
        if let first = news.first {
            try gate.admitEpoch(first.epoch, of: stream, headEpoch: held?.headEpoch ?? 0)
        }
        for entry in news {
            try gate.admitPlace(epoch: entry.epoch, sequence: entry.sequence, of: stream)
        }
        try gate.admitEpoch(
            batch.through.epoch, of: stream, headEpoch: held?.headEpoch ?? 0)
        return news
    }
}
