package import Contracts

/// Where a replica stands in one stream.
package struct StreamProgress: Sendable {
    package var epoch: UInt64 = 0
    /// Everything up to here has been applied.
    package var sequence: UInt64 = 0
    /// The last entry of this replica's domain in the stream.
    package var domainSequence: UInt64 = 0

    package init() {}

    package func covers(_ position: LogPosition) -> Bool {
        (epoch, sequence) >= (position.epoch, position.sequence)
    }

    package mutating func advance(epoch: UInt64, sequence: UInt64) {
        if (epoch, sequence) > (self.epoch, self.sequence) {
            self.epoch = epoch
            self.sequence = sequence
        }
    }
}

/// What a replica holds, always under its lock.
package struct ReplicaCore<State: DomainState> {
    package var status = ReplicaStatus.loading(applied: 0, total: 0)
    package var state = State()
    package var progress: [String: StreamProgress] = [:]
    /// The log that `progress` speaks of; empty before the first.
    package var logID = ""
    /// Counts the times that everything was dropped.
    package var generation: UInt64 = 0
    package var entriesApplied: UInt64 = 0
    package var entriesTotal: UInt64 = 0
    /// By stream, what has to be applied before anything is read: entries whose data key is gone were
    /// left out, and what replaced them stands before it.
    package var opensAfter: [String: UInt64] = [:]

    package init() {}

    /// Whether all that was left out has been replaced.
    package var isWhole: Bool {
        opensAfter.allSatisfy { stream, sequence in progress[stream]?.sequence ?? 0 >= sequence }
    }

    package mutating func drop() {
        state = State()
        progress = [:]
        logID = ""
        generation += 1
        entriesApplied = 0
        entriesTotal = 0
        opensAfter = [:]
    }

    /// Applies whole commits of one stream; changes up to where it stands already are skipped.
    package mutating func apply(_ changes: ArraySlice<SequencedChange>) {
        guard let stream = changes.first?.change.stream else { return }
        var progress = self.progress[stream] ?? StreamProgress()
        for change in changes where change.sequence > progress.sequence {
            if !change.isDataKey { state.apply(change.change) }
            progress.domainSequence = change.sequence
        }
        if let last = changes.last { progress.advance(epoch: last.epoch, sequence: last.sequence) }
        note(progress, of: stream, applied: changes.count)
    }

    /// Applies a part of a batch, in the same way.
    mutating func apply(_ batch: OpenedBatch, _ part: Range<Int>) {
        var progress = self.progress[batch.stream] ?? StreamProgress()
        let stand = progress.sequence
        batch.forEach(in: part) { entry, change in
            guard entry.sequence > stand else { return }
            state.apply(change)
            progress.domainSequence = entry.sequence
        }
        if let last = batch.entries[part].last {
            progress.advance(epoch: last.epoch, sequence: last.sequence)
        }
        note(progress, of: batch.stream, applied: part.count)
    }

    private mutating func note(_ progress: StreamProgress, of stream: String, applied count: Int) {
        self.progress[stream] = progress
        entriesApplied += UInt64(count)
        if case .loading = status {
            status = .loading(applied: entriesApplied, total: max(entriesTotal, entriesApplied))
        }
    }

    package mutating func advance(to position: LogPosition) {
        var progress = self.progress[position.stream] ?? StreamProgress()
        progress.advance(epoch: position.epoch, sequence: position.sequence)
        self.progress[position.stream] = progress
    }

    /// Notes the domain's last sequence in a stream as somebody else knows it, if that has been passed: it
    /// may be a tombstone that was removed since, and then there is nothing to apply.
    package mutating func notePassed(_ sequence: UInt64, in stream: String) {
        guard let progress = progress[stream], progress.sequence >= sequence else { return }
        self.progress[stream]?.domainSequence = max(progress.domainSequence, sequence)
    }

    package var positions: [LogPosition] {
        progress.map { stream, progress in
            var position = LogPosition()
            position.stream = stream
            position.epoch = progress.epoch
            position.sequence = progress.sequence
            return position
        }.sorted { $0.stream < $1.stream }
    }
}

/// A change with its place in the stream. Data key records have their place but are not applied.
package struct SequencedChange: Sendable {
    package let sequence: UInt64
    package let epoch: UInt64
    package let commit: UInt64
    package let change: DomainChange

    package init(sequence: UInt64, epoch: UInt64, commit: UInt64, change: DomainChange) {
        self.sequence = sequence
        self.epoch = epoch
        self.commit = commit
        self.change = change
    }

    var isDataKey: Bool { change.key.utf8.starts(with: HeldDataKey.keyPrefix.utf8) }
}
