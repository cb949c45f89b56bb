import Dispatch
import Foundation
import Synchronization

/// A few sessions for reading beside the writer, each with its own queue.
final class PostgreSQLReaders: Sendable {
    private static let lanesMax = 4
    /// Reads that may wait in one lane.
    private static let waitingMax = 1_024

    // Touched on its own queue only; `waiting` is locked.
    private final class Lane: @unchecked Sendable {
        let name: String
        let queue = DispatchQueue(label: "log.postgresql.reader")
        let waiting = Mutex(0)
        var connection: PostgreSQLConnection?

        init(_ name: String) { self.name = name }
    }

    private let servers: PostgreSQLServers
    private let published: PostgreSQLPublished
    private let lanes = (0..<lanesMax).map { Lane("reader-\($0)") }
    private let isClosed = Mutex(false)

    init(_ servers: PostgreSQLServers, _ published: PostgreSQLPublished) {
        self.servers = servers
        self.published = published
    }

    func close() {
        isClosed.withLock { $0 = true }
        for lane in lanes { lane.queue.async { lane.connection = nil } }
    }

    /// Runs `body` in a transaction that reads one snapshot. Tried once more when the session had
    /// been lost.
    func read<R: Sendable>(
        _ body: @escaping @Sendable (PostgreSQLConnection) throws -> R
    ) async throws -> R {
        let lane = try lane()
        return try await withCheckedThrowingContinuation { continuation in
            lane.queue.async {
                defer { lane.waiting.withLock { $0 -= 1 } }
                continuation.resume(with: Result { try self.run(body, lane) })
            }
        }
    }

    /// Like `read`, on a session of its own and never begun anew: for what takes long.
    func readAtLength<R: Sendable>(
        _ body: @escaping @Sendable (PostgreSQLConnection) throws -> R
    ) async throws -> R {
        guard !isClosed.withLock({ $0 }) else { throw LogError(.closed, "The log is closed.") }
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "log.postgresql.export").async {
                continuation.resume(
                    with: Result {
                        do {
                            return try self.runOnce(body, Lane("export"))
                        } catch {
                            throw LogError.postgreSQL(error)
                        }
                    })
            }
        }
    }

    /// Runs `body` on a session of its own, in no transaction.
    func aside<R: Sendable>(
        _ body: @escaping @Sendable (PostgreSQLConnection) throws -> R
    ) async throws -> R {
        guard !isClosed.withLock({ $0 }) else { throw LogError(.closed, "The log is closed.") }
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "log.postgresql.aside").async {
                continuation.resume(
                    with: Result {
                        do {
                            return try body(try self.servers.session("aside"))
                        } catch {
                            throw LogError.postgreSQL(error)
                        }
                    })
            }
        }
    }

    /// The lane with the least to do.
    private func lane() throws(LogError) -> Lane {
        guard !isClosed.withLock({ $0 }) else { throw LogError(.closed, "The log is closed.") }
        let waiting = lanes.map { lane in lane.waiting.withLock { $0 } }
        guard let least = waiting.min(), least < Self.waitingMax,
            let index = waiting.firstIndex(of: least)
        else { throw LogError(.busy, "Too many reads wait; try again shortly.") }
        lanes[index].waiting.withLock { $0 += 1 }
        return lanes[index]
    }

    private func run<R>(
        _ body: (PostgreSQLConnection) throws -> R, _ lane: Lane
    ) throws -> R {
        for attempt in 1...4 {
            do {
                return try runOnce(body, lane)
            } catch let error as PostgreSQLError
                where (error.endsSession || error == .wentBack) && attempt < 4
            {
                usleep(UInt32(50_000 * attempt))
            } catch let error as PostgreSQLError
                where error.isSerializationFailure && attempt < 4
            {
            } catch {
                throw LogError.postgreSQL(error)
            }
        }
        throw LogError.postgreSQL(PostgreSQLError.connectionLost)
    }

    private func runOnce<R>(
        _ body: (PostgreSQLConnection) throws -> R, _ lane: Lane
    ) throws -> R {
        if let held = lane.connection, held.isBroken || !servers.isCurrent(held) {
            lane.connection = nil
        }
        let connection = try lane.connection ?? servers.session(lane.name)
        lane.connection = connection
        do {
            try checkPresent(connection, lane)
            let result = try body(connection)
            try connection.queue(.commit)
            _ = try connection.flush()
            return result
        } catch {
            try? connection.rollBack()
            throw error
        }
    }

    /// Begins the snapshot, which holds at least what this process has shown: a server that was primary
    /// once, and has come back, does not.
    ///
    /// Throws: `wentBack`, and the session is given up.
    private func checkPresent(
        _ connection: PostgreSQLConnection, _ lane: Lane
    ) throws(PostgreSQLError) {
        let shown = published.revision
        try connection.queue(.beginSnapshot)
        try connection.queue(.readHead, [.bytes(Data())])
        let answers = try connection.flush()
        guard answers.count == 2 else { throw .unexpectedAnswer }
        let head = try PostgreSQLHead(answers[1])
        guard PostgreSQLRevision(head).continues(shown) else {
            lane.connection = nil
            servers.distrust(connection)
            throw .wentBack
        }
    }
}
