import Contracts
import ReplicationLog
import Synchronization

/// Tells waiting streams of new commits, and answers those who are close behind from memory.
///
/// Keeps a bounded number of the newest entries; who is further behind reads from disk and costs
/// the writer nothing.
final class CommitHub: Sendable {
    fileprivate struct State {
        var version: UInt64 = 0
        var readingID: String?
        var recent: [StreamName: RecentEntries] = [:]
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Goes up with every change of the log.
    var version: UInt64 { state.withLock { $0.version } }

    /// Takes in a commit. Called by the engine's writer.
    func publish(_ entries: [LogEntry], _ log: LogState) {
        let waiters = state.withLock { state in
            state.version += 1
            if state.readingID != log.identity?.readingID {
                state.readingID = log.identity?.readingID
                state.recent.removeAll()
            }
            state.take(entries, log)
            defer { state.waiters.removeAll(keepingCapacity: true) }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// The answer to a read, if the newest entries hold it; of a reading of the log, if one is named.
    ///
    /// The engine shows a state before it is told of here: for a moment, what is kept here may be of the
    /// reading before.
    func read(_ query: ReadQuery, in readingID: String? = nil) -> ReadResult? {
        state.withLock { state in
            guard readingID == nil || state.readingID == readingID else { return nil }
            return state.recent[query.stream]?.read(query)
        }
    }

    /// Returns as soon as the version is past the given one. Throws when the task is cancelled.
    func wait(past version: UInt64) async throws {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard state.version <= version, !Task.isCancelled else { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
        try Task.checkCancellation()
    }
}

extension CommitHub.State {
    fileprivate mutating func take(_ entries: [LogEntry], _ log: LogState) {
        for (name, ring) in recent {
            guard let stream = log.streams[name], stream.head >= ring.head.sequence else {
                recent[name] = nil
                continue
            }
        }
        var start = 0
        while start < entries.count {
            let stream = entries[start].stream
            var end = start
            while end < entries.count, entries[end].stream == stream { end += 1 }
            // What a transaction stored and dropped again is not there.
            if let name = StreamName(stream), log.streams[name] != nil {
                recent[name, default: RecentEntries(after: entries[start].sequence - 1)]
                    .append(entries[start..<end])
            }
            start = end
        }
        for name in recent.keys {
            guard let stream = log.streams[name] else { continue }
            recent[name]?.stand(stream)
        }
    }
}
