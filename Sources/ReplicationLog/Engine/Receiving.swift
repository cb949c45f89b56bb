package import Contracts

extension LogTransaction {
    /// Stores what is news in a received batch and moves the stream's position with it.
    package func apply(_ batch: ValidatedBatch) throws -> LogPosition {
        let news = try batch.news(for: state)
        let through = batch.batch.through
        let head = state.streams[batch.stream]?.head ?? 0
        guard through.sequence > head else { return state.position(of: batch.stream) }
        let position = try withStream(batch.stream) { stream in
            try prefetch(news, in: stream)
            try store(news, in: &stream)
            noteWrite()
            // A copy that begins now lacks what was deleted by tombstones that are gone.
            if head == 0 { stream.purgedThrough = batch.batch.purgedThrough }
            stream.head = through.sequence
            stream.headEpoch = max(stream.headEpoch, through.epoch)
            stream.compactedThrough = max(
                stream.compactedThrough, min(batch.batch.compactedThrough, stream.head))
            return stream.position
        }
        try noteWhole(batch.stream, at: position, compactedThrough: batch.batch.compactedThrough)
        return position
    }

    /// What replaced an entry that compaction removed stands at `compactedThrough` or before. Until
    /// a copy has come that far it is not the state of any position, and services do not answer.
    private func noteWhole(
        _ stream: StreamName, at position: LogPosition, compactedThrough: UInt64
    ) throws {
        guard var identity = state.identity else { return }
        let target = max(identity.missing[stream] ?? 0, compactedThrough)
        let missing = position.sequence < target ? target : nil
        guard identity.missing[stream] != missing else { return }
        identity.missing[stream] = missing
        try setIdentity(identity)
    }

    private func prefetch(_ news: ArraySlice<LogEntry>, in stream: StreamState) throws {
        for (domain, entries) in Dictionary(grouping: news, by: \.domain) {
            guard let held = stream.domains[domain] else { continue }
            try tables.prefetch(domain: held.id, keys: entries.map(\.key))
        }
    }

    private func store(
        _ news: ArraySlice<LogEntry>, in stream: inout StreamState
    ) throws {
        for entry in news {
            var domain = try self.domain(entry.domain, in: &stream)
            let previous = try tables.newest(domain: domain.id, keys: [entry.key])
            try store(
                entry, previous: previous[0], request: nil, in: &stream, domain: &domain)
            stream.domains[entry.domain] = domain
        }
    }
}
