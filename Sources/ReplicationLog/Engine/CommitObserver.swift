package import Contracts
import Synchronization

/// Whom an engine tells of its commits. Set once, called by the writer after each commit.
///
/// The closure lies in a structure of its own: taken out of a generic container as it is, it would come
/// back wrapped once more each time, and every call would pass through all those wrappers.
package final class CommitObserver: Sendable {
    private struct Held {
        let call: @Sendable ([LogEntry], LogState) -> Void
    }

    private let held = Mutex<Held?>(nil)

    package init() {}

    package func set(_ call: @escaping @Sendable ([LogEntry], LogState) -> Void) {
        held.withLock { $0 = Held(call: call) }
    }

    package func tell(_ entries: [LogEntry], _ state: LogState) {
        held.withLock { $0 }?.call(entries, state)
    }
}
