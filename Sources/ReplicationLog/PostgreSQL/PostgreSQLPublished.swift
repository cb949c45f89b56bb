import Contracts
import Synchronization

/// What a PostgreSQL engine shows to the rest of the process.
final class PostgreSQLPublished: Sendable {
    private let current: Mutex<LogState>
    private let seen: Mutex<PostgreSQLRevision>
    private let damage = Mutex<EntryPlace?>(nil)
    private let observer = CommitObserver()

    init(_ state: LogState, _ revision: PostgreSQLRevision) {
        current = Mutex(state)
        seen = Mutex(revision)
    }

    var state: LogState { current.withLock { $0 } }

    /// How far this process has seen the database, by transactions.
    var revision: PostgreSQLRevision { seen.withLock { $0 } }

    func note(_ revision: PostgreSQLRevision) { seen.withLock { $0 = revision } }

    /// The damaged entry behind which others' commits wait to be shown.
    var obstacle: EntryPlace? { damage.withLock { $0 } }

    func note(obstacle: EntryPlace?) { damage.withLock { $0 = obstacle } }

    func setObserver(_ observer: @escaping @Sendable ([LogEntry], LogState) -> Void) {
        self.observer.set(observer)
    }

    /// Makes a state the present one, then tells the observer.
    func publish(_ state: LogState, _ entries: [LogEntry]) {
        current.withLock { $0 = state }
        tell(entries, state)
    }

    func tell(_ entries: [LogEntry], _ state: LogState) {
        observer.tell(entries, state)
    }
}
