package import Contracts
import Foundation
import GRDB
import Synchronization

/// The log of one Region in one SQLite database: WAL, `synchronous=FULL`, one writer.
///
/// Writes that wait while a transaction is on its way to the disk share the next one. Reads run
/// beside the writer on snapshots. The process that opens the database owns it.
package final class SQLiteLogEngine: TransactionalLogEngine {
    let pool: DatabasePool
    let region: String
    private let published: Mutex<Published>
    private let queue = Mutex(WriteQueue())
    private let requests: Mutex<RequestMemory>
    private let observer = CommitObserver()
    /// Nil for a log that is only read.
    private let checkpointer: SQLiteCheckpointer?

    private struct Published {
        var state: LogState
        var chain: TrailChain
    }

    /// Opens the log of a Region, making it when there is none. With `isReadOnly` it must be there,
    /// and another process may go on writing to it.
    ///
    /// Throws: `storageFull`, `storageReadOnly`, `storageFailed`; `logMismatch` when the file
    /// belongs to another Region.
    ///
    /// `checkpointPages` is the size of the write-ahead log at which it is copied into the database. While
    /// the disk takes that in, whoever syncs the write-ahead log waits: 16 MB keep that to some
    /// milliseconds, where 128 MB were fifty.
    package init(
        path: String, region: String, isReadOnly: Bool = false, checkpointPages: Int = 4_000
    ) throws {
        do {
            pool = try Self.open(path, isReadOnly: isReadOnly)
            checkpointer =
                isReadOnly
                ? nil : try SQLiteCheckpointer(pool, path: path, pagesMin: checkpointPages)
            self.region = region
            let loaded = try pool.read { db in
                let state = try Self.loadState(db, region: region)
                let chain = try Self.loadChain(db)
                let requests = try Self.loadRequests(db, state: state)
                return (Published(state: state, chain: chain), requests)
            }
            published = Mutex(loaded.0)
            requests = Mutex(loaded.1)
        } catch {
            throw LogError.storage(error)
        }
    }

    private static func open(_ path: String, isReadOnly: Bool) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.readonly = isReadOnly
        configuration.maximumReaderCount = 4
        configuration.busyMode = .timeout(5)
        configuration.label = "log"
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA cache_size = -16384")
            try db.execute(sql: "PRAGMA trusted_schema = OFF")
        }
        let pool = try DatabasePool(path: path, configuration: configuration)
        if isReadOnly { return pool }
        try pool.writeWithoutTransaction { db in
            // GRDB sets NORMAL for WAL; an acknowledged append must be on disk.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try db.execute(sql: "PRAGMA cache_size = -65536")
        }
        try SQLiteSchema.migrator.migrate(pool)
        return pool
    }

    package var state: LogState { published.withLock { $0.state } }

    var chain: TrailChain { published.withLock { $0.chain } }

    package func setCommitObserver(
        _ observer: @escaping @Sendable ([LogEntry], LogState) -> Void
    ) {
        self.observer.set(observer)
    }

    package func close() async {
        queue.withLock { $0.close() }
        // Waits for its turn behind the drain that may be running.
        _ = try? await pool.writeWithoutTransaction { _ in }
        await checkpointer?.close()
        try? pool.close()
    }

    // MARK: - The writer

    package func write<R: Sendable>(
        weight: Int, stream: StreamName?, domain: String, keys: [String],
        _ body: @escaping @Sendable (LogTransaction) throws -> R
    ) async throws -> R {
        try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<R, any Error>) in
            let operation = WriteOperation(
                weight: weight,
                perform: { transaction in
                    let result = try body(transaction)
                    return { continuation.resume(returning: result) }
                },
                fail: { continuation.resume(throwing: $0) })
            do {
                let mustStart = try queue.withLock { queue throws(LogError) in
                    try queue.add(operation)
                }
                if mustStart { startDrain() }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    private func startDrain() {
        pool.asyncWriteWithoutTransaction { db in self.drain(db) }
    }

    private func drain(_ db: Database) {
        // Gives way to others on the writer's queue (checkpoints, closing) now and then.
        for _ in 0..<64 {
            let group = queue.withLock { $0.takeGroup() }
            guard !group.isEmpty else { return }
            run(group, db)
        }
        startDrain()
    }

    private func run(_ group: [WriteOperation], _ db: Database) {
        var completions: [@Sendable () -> Void] = []
        completions.reserveCapacity(group.count)
        let transaction: LogTransaction
        do {
            let before = published.withLock { $0 }
            transaction = LogTransaction(
                tables: try SQLiteTables(db, region: region), state: before.state,
                chain: before.chain
            ) { id in self.requests.withLock { $0[id] } }
            try db.inTransaction(.immediate) {
                for operation in group { completions.append(try operation.run(transaction)) }
                try transaction.finish()
                return .commit
            }
        } catch {
            let failure = LogError.storage(error)
            if failure.code == .storageFull { checkpointer?.relieve() }
            if group.count > 1, failure.isWorthRetryingAlone {
                for operation in group { run([operation], db) }
            } else {
                for operation in group { operation.fail(failure) }
            }
            return
        }
        publish(transaction)
        for completion in completions { completion() }
    }

    private func publish(_ transaction: LogTransaction) {
        published.withLock {
            $0 = Published(state: transaction.state, chain: transaction.chain)
        }
        requests.withLock { $0.take(transaction) }
        guard transaction.changesLog else { return }
        observer.tell(transaction.stored, transaction.state)
    }
}
