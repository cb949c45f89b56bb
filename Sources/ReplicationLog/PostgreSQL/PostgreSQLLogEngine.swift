package import Contracts
import Dispatch
import Foundation
import Synchronization

/// The log of one Region in a PostgreSQL database, which several coordinators may share.
///
/// Each write is a SERIALIZABLE transaction that locks the log's head row, takes in what other
/// coordinators have committed, and checks gate, epoch and expected sequence against that: so any
/// number of coordinators stay correct, also while one of them stands still or has been cut off.
/// Writes that wait share a transaction. Other coordinators' commits reach the observer by
/// notification, or by polling where the server has none.
package final class PostgreSQLLogEngine: TransactionalLogEngine {
    let region: String
    private let writer: PostgreSQLWriter
    private let writing = DispatchQueue(label: "log.postgresql.writer")
    private let queue = Mutex(WriteQueue())
    private let refreshing = Mutex(false)
    let readers: PostgreSQLReaders
    private let listener: PostgreSQLListener

    /// Opens the log of a Region, making its tables when there are none.
    ///
    /// Throws: `storageFailed`; `logMismatch` when the schema belongs to another Region.
    package init(_ settings: PostgreSQLSettings, region: String) throws {
        guard PostgreSQLSettings.isSchemaName(settings.schema) else {
            throw LogError(
                .storageFailed, "The schema's name is not made of a-z, 0-9 and underscores.")
        }
        do {
            writer = try PostgreSQLWriter(settings, region: region)
        } catch {
            throw LogError.postgreSQL(error)
        }
        self.region = region
        readers = PostgreSQLReaders(writer.servers, writer.published)
        listener = PostgreSQLListener(writer.servers)
        listener.start { [weak self] in self?.refresh() }
    }

    deinit { listener.stop() }

    package var state: LogState { writer.published.state }

    package var leads: Bool { listener.leads }

    package var isShared: Bool { true }

    package var silence: Duration { listener.silence }

    package var obstacle: EntryPlace? { writer.published.obstacle }

    package func setCommitObserver(
        _ observer: @escaping @Sendable ([LogEntry], LogState) -> Void
    ) {
        writer.published.setObserver(observer)
    }

    package func close() async {
        queue.withLock { $0.close() }
        listener.stop()
        readers.close()
        await withCheckedContinuation { continuation in
            // Behind the drain that may be running.
            writing.async {
                self.drain()
                self.writer.close()
                continuation.resume()
            }
        }
    }

    // MARK: - Writing

    package func write<R: Sendable>(
        weight: Int, stream: StreamName?, domain: String, keys: [String],
        _ body: @escaping @Sendable (LogTransaction) throws -> R
    ) async throws -> R {
        try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<R, any Error>) in
            var operation = WriteOperation(
                weight: weight,
                perform: { transaction in
                    let result = try body(transaction)
                    return { continuation.resume(returning: result) }
                },
                fail: { continuation.resume(throwing: $0) })
            operation.keys = stream.map { KeyHint(stream: $0, domain: domain, keys: keys) }
            do {
                let mustStart = try queue.withLock { [operation] queue throws(LogError) in
                    try queue.add(operation)
                }
                if mustStart { startDrain() }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    private func startDrain() {
        writing.async { self.drain() }
    }

    private func drain() {
        // Gives way to others on the writer's queue now and then.
        for _ in 0..<64 {
            let group = queue.withLock { $0.takeGroup() }
            guard !group.isEmpty else { return }
            writer.run(group)
        }
        startDrain()
    }

    /// Takes in other coordinators' commits, unless that is about to happen anyway.
    private func refresh() {
        let mustStart = refreshing.withLock { isUnderWay in
            defer { isUnderWay = true }
            return !isUnderWay && !queue.withLock { $0.isClosed }
        }
        guard mustStart else { return }
        writing.async {
            self.refreshing.withLock { $0 = false }
            guard !self.queue.withLock({ $0.isClosed }) else { return }
            // A failure shows at the next write; the next look tries again.
            try? self.writer.refresh()
        }
    }
}
