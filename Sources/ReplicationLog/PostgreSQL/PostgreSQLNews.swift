import Contracts

/// Takes in what other coordinators have committed, and tells the observer of it in order.
///
/// What has been told is kept also when the rest cannot be read: nothing is told twice.
struct PostgreSQLNews {
    private let reader: PostgreSQLStateReader
    private let published: PostgreSQLPublished
    /// The log as the observer knows it.
    private(set) var shown: LogState

    init(_ reader: PostgreSQLStateReader, _ published: PostgreSQLPublished, shown: LogState) {
        self.reader = reader
        self.published = published
        self.shown = shown
    }

    /// Tells what lies between the state that was shown and the one that the database holds.
    ///
    /// Throws: `checksumMismatch` at an entry that is damaged; what comes before it has been told.
    mutating func takeIn(_ fresh: LogState, _ memory: inout RequestMemory) throws {
        let before = shown
        shown.identity = fresh.identity
        if fresh.identity?.logID != before.identity?.logID { shown.streams = [:] }
        shown.streams = shown.streams.filter { fresh.streams[$0.key]?.id == $0.value.id }
        if !fresh.isRead(like: before) {
            // What was answered before may be among what is gone.
            memory.forgetAll()
            cutBack(before)
        }
        if shown.heads != before.heads { published.tell([], shown) }
        for (name, stream) in fresh.streams { try takeIn(stream, of: name, &memory) }
    }

    /// Goes back to where a fork of the control stream began that another coordinator has taken back: by
    /// now the stream may have grown again beyond what was shown of it.
    private mutating func cutBack(_ before: LogState) {
        guard let was = before.identity, let identity = shown.identity,
            let held = shown.streams[.control]
        else { return }
        let forks = [was.forkedAfter, was.history.fork(from: identity.history, head: held.head)]
        guard let fork = forks.compactMap(\.self).min(), held.head > fork else { return }
        shown.streams[.control]?.head = fork
        shown.streams[.control]?.headEpoch = identity.history.epoch(at: fork)
    }

    private mutating func takeIn(
        _ stream: StreamState, of name: StreamName, _ memory: inout RequestMemory
    ) throws {
        var after = shown.streams[name]?.head ?? 0
        var pending: [LogEntry] = []
        while after < stream.head {
            let found = try reader.entries(
                of: stream, after: after, through: stream.head, &memory)
            pending += found
            let isLast = found.count < PostgreSQLStateReader.chunk
            after = isLast ? stream.head : found.last?.sequence ?? stream.head
            var whole = pending[...]
            if !isLast, let commit = pending.last?.commit {
                whole = pending.prefix { $0.commit != commit }
            }
            guard isLast || !whole.isEmpty else { continue }
            var step = stream
            if !isLast, let last = whole.last {
                step.head = last.commit
                step.headEpoch = last.epoch
            }
            shown.streams[name] = step
            published.tell(Array(whole), shown)
            pending.removeFirst(whole.count)
        }
        shown.streams[name] = stream
    }
}

extension LogState {
    /// Whether nothing that one of them held has been taken back in the other.
    fileprivate func isRead(like other: LogState) -> Bool {
        identity?.logID == other.identity?.logID
            && identity?.incarnation == other.identity?.incarnation
    }
}
