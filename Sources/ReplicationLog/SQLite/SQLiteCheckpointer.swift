import Dispatch
import GRDB
import GRDBSQLite
import Synchronization

/// Brings pages from the write-ahead log into the database while the writer goes on.
///
/// A checkpoint takes the disk for a tenth of a second and more; done by the writer itself, every append
/// would wait for it. Here another connection copies the bulk. The writer then copies what has come
/// meanwhile, which is little, and so begins the log's file anew.
final class SQLiteCheckpointer: Sendable {
    private struct State {
        /// Pages in the log's file after the last commit.
        var pages = 0
        var isRunning = false
        /// From so many on the next checkpoint is due.
        var due: Int
    }

    private static let roundsMax = 4
    /// So many the writer may copy itself.
    private static let restMax = 500

    private let pool: DatabasePool
    private let connection: DatabaseQueue
    private let queue = DispatchQueue(label: "log.checkpoint")
    private let pagesMin: Int
    private let state: Mutex<State>

    /// Takes over from SQLite's own checkpoints on the pool's writer.
    init(_ pool: DatabasePool, path: String, pagesMin: Int) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.label = "log.checkpoint"
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        connection = try DatabaseQueue(path: path, configuration: configuration)
        self.pool = pool
        self.pagesMin = pagesMin
        state = Mutex(State(due: pagesMin))
        try pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            _ = sqlite3_wal_hook(
                db.sqliteConnection,
                { context, _, _, pages in
                    if let context {
                        Unmanaged<SQLiteCheckpointer>.fromOpaque(context).takeUnretainedValue()
                            .committed(pages: Int(pages))
                    }
                    return SQLITE_OK
                }, Unmanaged.passUnretained(self).toOpaque())
        }
    }

    /// Ends its work. Before the pool is closed.
    func close() async {
        _ = try? await pool.writeWithoutTransaction { db in
            _ = sqlite3_wal_hook(db.sqliteConnection, nil, nil)
        }
        state.withLock { $0.due = .max }
        await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
        try? connection.close()
    }

    /// The disk is full: what is copied into the database makes room in the log's file.
    func relieve() {
        let mustStart = state.withLock { state in
            guard !state.isRunning, state.due < .max else { return false }
            state.isRunning = true
            return true
        }
        if mustStart { queue.async { self.run() } }
    }

    private func committed(pages: Int) {
        let isDue = state.withLock { state in
            state.pages = pages
            guard pages >= state.due, !state.isRunning else { return false }
            state.isRunning = true
            return true
        }
        if isDue { queue.async { self.run() } }
    }

    private func run() {
        for _ in 0..<Self.roundsMax {
            let done = try? connection.inDatabase { try $0.checkpoint(.passive) }
            let rest = state.withLock { $0.pages } - (done?.checkpointedFrameCount ?? 0)
            if done == nil || rest <= Self.restMax { break }
        }
        pool.asyncWriteWithoutTransaction { db in
            let done = try? db.checkpoint(.passive)
            let isWhole = done.map { $0.walFrameCount == $0.checkpointedFrameCount } ?? false
            self.state.withLock { state in
                state.isRunning = false
                guard state.due < .max else { return }
                // A reader that stands at an old page keeps the file from beginning anew.
                state.due = isWhole ? self.pagesMin : state.pages + self.pagesMin / 4
            }
        }
    }
}
