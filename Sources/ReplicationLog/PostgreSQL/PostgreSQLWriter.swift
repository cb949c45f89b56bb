import Contracts
import Dispatch
import Foundation
import Synchronization

/// The one session that writes, and what it knows of the database. Other coordinators write too:
/// each transaction begins by locking the head row and taking in what they have committed.
// Touched on its own serial queue only, but for `init`.
final class PostgreSQLWriter: @unchecked Sendable {
    private let settings: PostgreSQLSettings
    private let region: String
    let servers: PostgreSQLServers
    let published: PostgreSQLPublished
    private var connection: PostgreSQLConnection?
    private var state: LogState
    private var chain: TrailChain
    private var revision: PostgreSQLRevision
    private var memory: RequestMemory
    /// Transactions of this engine known to be durable.
    private var counter: Int64 = 0
    /// Commits that were tried: no two have the same mark.
    private var attempts: Int64 = 0
    /// A transaction whose commit was sent and never answered.
    private var uncertain: Uncertain?
    /// The damaged entry behind which others' commits wait to be taken in.
    private var obstacle: LogError?
    /// After a failure to connect, until when no other attempt is made.
    private var pauseUntil = ContinuousClock.now

    private struct Uncertain {
        let counter: Int64
        let completions: [@Sendable () -> Void]
    }

    /// Opens the log, making its tables when there are none.
    init(_ settings: PostgreSQLSettings, region: String) throws {
        self.settings = settings
        self.region = region
        servers = PostgreSQLServers(settings)
        let connection = try Self.open(servers)
        try connection.queue(.beginSnapshot)
        try connection.queue(.readHead, [.bytes(servers.engine)])
        let head = try PostgreSQLHead(connection.flush()[1])
        let reader = PostgreSQLStateReader(connection: connection, region: region)
        state = try reader.state()
        memory = try reader.requests(state)
        try connection.queue(.commit)
        _ = try connection.flush()
        // Rows of engines long gone; who is in the way of that does it another time.
        try connection.queue(.forgetWriters)
        _ = try? connection.flush()
        revision = PostgreSQLRevision(head)
        chain = head.chain
        published = PostgreSQLPublished(state, revision)
        self.connection = connection
    }

    /// The first session, which makes the tables when there are none.
    private static func open(_ servers: PostgreSQLServers) throws -> PostgreSQLConnection {
        let (began, settings) = (ContinuousClock.now, servers.settings)
        var attempt = 1
        while true {
            do {
                return try servers.session(Self.role) {
                    try PostgreSQLSchema.prepare($0, schema: settings.schema)
                }
            } catch let error as PostgreSQLError where error.endsSession {
                // It may be starting as well; wrong names and passwords show themselves sooner.
                let isRefused = if case .refused = error { true } else { false }
                let patience = isRefused ? settings.openMax / 6 : settings.openMax
                guard attempt < settings.hosts.count || began.duration(to: .now) < patience else {
                    throw error
                }
                attempt += 1
                usleep(200_000)
            }
        }
    }

    private static let role = "writer"

    /// For the lock, and for appends: leaves time for another server.
    private var answerMax: Duration { settings.writeMax * 3 / 4 }

    private var engine: Data { servers.engine }

    // MARK: - Groups

    /// Runs operations in one transaction and answers them. Tries again when another coordinator
    /// was first or the server changes, for a bounded time.
    func run(_ group: [WriteOperation]) {
        let end = ContinuousClock.now.advanced(by: settings.writeMax)
        var attempt = 0
        while true {
            attempt += 1
            do {
                for completion in try runOnce(group) { completion() }
                return
            } catch {
                if mayTryAgain(after: error, attempt, until: end) { continue }
                return fail(group, error)
            }
        }
    }

    private func mayTryAgain(
        after error: any Error, _ attempt: Int, until end: ContinuousClock.Instant
    ) -> Bool {
        guard let error = error as? PostgreSQLError, .now < end, attempt < 64 else { return false }
        if error.isSerializationFailure {
            let microseconds = UInt32.random(in: 0...UInt32(200 * min(attempt, 32)))
            usleep(microseconds)
            return true
        }
        let isElsewhere = servers.isLocal(error) && settings.hosts.count > 1
        guard error.endsSession || isElsewhere else { return false }
        usleep(UInt32(50_000 * min(attempt, 10)))
        return true
    }

    private func fail(_ group: [WriteOperation], _ error: any Error) {
        let failure = LogError.postgreSQL(error)
        let isWorthSplitting: Bool =
            switch error {
            case let error as PostgreSQLError:
                !error.endsSession && !error.isSerializationFailure && error != .wentBack
            default: true
            }
        // Whether it is there after all is found out by the next transaction, for nobody any more.
        uncertain = nil
        if group.count > 1, isWorthSplitting, failure.isWorthRetryingAlone {
            for operation in group { run([operation]) }
        } else {
            for operation in group { operation.fail(failure) }
        }
    }

    private func runOnce(_ group: [WriteOperation]) throws -> [@Sendable () -> Void] {
        let connection = try connected()
        do {
            return try transact(group, on: connection)
        } catch {
            try? connection.rollBack()
            leave(connection, after: error)
            throw error
        }
    }

    /// Looks for another server after one that does not answer, or has lost what had been seen in it.
    /// What it was asked to commit may still happen there, for nobody.
    private func leave(_ connection: PostgreSQLConnection, after error: any Error) {
        guard servers.isLocal(error) else { return }
        servers.distrust(connection)
        self.connection = nil
    }

    private func transact(
        _ group: [WriteOperation], on connection: PostgreSQLConnection
    ) throws -> [@Sendable () -> Void] {
        let (head, prefetched) = try lock(connection, group)
        if let uncertain, head.counter >= uncertain.counter {
            try connection.rollBack()
            // It is in this server; before anybody is told, it is where an answered commit would be.
            try servers.confirm(connection, Self.role)
            try refresh()
            self.uncertain = nil
            counter = head.counter
            return uncertain.completions
        }
        uncertain = nil
        let obstacle = try takeIn(head, connection)
        let known = try obstacle.map { _ in
            try PostgreSQLStateReader(connection: connection, region: region).state()
        }
        counter = head.counter
        let tables = PostgreSQLTables(
            connection, region: region, nextStream: head.nextStream, nextDomain: head.nextDomain)
        // Domain numbers are never given twice, so what was asked for before the news is good.
        for (hint, rows) in prefetched {
            try tables.take(rows, domain: hint.domain, keys: hint.keys)
        }
        let transaction = LogTransaction(
            tables: tables, state: known ?? state, chain: known == nil ? chain : head.chain
        ) { id in self.memory[id] }
        let completions = try group.map { try $0.run(transaction) }
        guard transaction.writes > 0 else {
            try connection.rollBack()
            return completions
        }
        // Behind a damaged entry only what mends it goes on: news would be shown out of order.
        if let obstacle, !transaction.stored.isEmpty { throw obstacle }
        try transaction.finish()
        try tables.send()
        // Dropping or compacting a large log may take longer.
        let time = group.allSatisfy { $0.keys != nil } ? answerMax : nil
        try commit(transaction, tables, head, completions, on: connection, within: time)
        return completions
    }

    /// Begins, locks the head row and fetches what the group will ask for, in one round trip.
    private func lock(
        _ connection: PostgreSQLConnection, _ group: [WriteOperation]
    ) throws -> (PostgreSQLHead, [(hint: (domain: Int64, keys: [String]), PostgreSQLRows)]) {
        var wanted: [Int64: Set<String>] = [:]
        for hint in group.compactMap(\.keys) {
            guard let domain = state.streams[hint.stream]?.domains[hint.domain] else { continue }
            wanted[domain.id, default: []].formUnion(hint.keys)
        }
        let hints = wanted.map { (domain: $0.key, keys: Array($0.value)) }
        try connection.queue(.begin)
        try connection.queue(.lockHead, [.bytes(engine)])
        for hint in hints {
            try connection.queue(
                .newest,
                [.integer(hint.domain), .byteStrings(hint.keys.map { Data($0.utf8) })])
        }
        let rows = try connection.flush(within: answerMax)
        guard rows.count == hints.count + 2 else { throw PostgreSQLError.unexpectedAnswer }
        return (try PostgreSQLHead(rows[1]), zip(hints, rows[2...]).map { ($0, $1) })
    }

    private func commit(
        _ transaction: LogTransaction, _ tables: PostgreSQLTables, _ head: PostgreSQLHead,
        _ completions: [@Sendable () -> Void], on connection: PostgreSQLConnection,
        within time: Duration?
    ) throws {
        let chain = transaction.chain
        // What was sent to a server that is lost may have become something else there.
        attempts += 1
        let next = PostgreSQLRevision(
            head.revision + 1, engine + Data("/\(counter + 1)/\(attempts)".utf8))
        try connection.queue(
            .updateHead,
            [
                .integer(next.number), .integer(tables.nextStream),
                .integer(tables.nextDomain), .integer(Int64(chain.sequence)),
                .bytes(chain.hash), .bytes(next.mark),
            ])
        try connection.queue(.countWrite, [.bytes(engine), .integer(counter + 1)])
        if transaction.changesLog {
            try connection.queue(
                .notify, [.text(String(decoding: engine, as: UTF8.self))])
        }
        try connection.queue(.commit)
        do {
            _ = try connection.flush(within: time)
        } catch {
            if error.endsSession || connection.isBroken {
                uncertain = Uncertain(counter: counter + 1, completions: completions)
            }
            throw error
        }
        counter += 1
        // What has been mended is taken in with what others have written.
        guard obstacle == nil else { return }
        revision = next
        published.note(revision)
        self.chain = chain
        state = transaction.state
        memory.take(transaction)
        if transaction.changesLog {
            published.publish(state, transaction.stored)
        }
    }

    // MARK: - The others' commits

    /// Looks whether other coordinators have committed, and takes it in.
    func refresh() throws {
        let connection = try connected()
        do {
            let seen = servers.seen
            try connection.queue(.beginSnapshot)
            try connection.queue(.readHead, [.bytes(engine)])
            let head = try PostgreSQLHead(connection.flush()[1])
            // Where nothing is written, a session at a former primary would notice nothing.
            guard seen.map({ PostgreSQLRevision(head).continues($0) }) ?? true else {
                throw PostgreSQLError.wentBack
            }
            _ = try takeIn(head, connection)
            try connection.queue(.commit)
            _ = try connection.flush()
        } catch {
            try? connection.rollBack()
            leave(connection, after: error)
            throw error
        }
    }

    /// Takes in what the transaction's snapshot holds and tells the observer of it in order. Returns what
    /// keeps it from going on: an entry that is damaged, until it has been mended.
    private func takeIn(
        _ head: PostgreSQLHead, _ connection: PostgreSQLConnection
    ) throws -> LogError? {
        let found = PostgreSQLRevision(head)
        guard found != revision else { return nil }
        guard found.continues(revision) else { throw PostgreSQLError.wentBack }
        let reader = PostgreSQLStateReader(connection: connection, region: region)
        let fresh = try reader.state()
        var news = PostgreSQLNews(reader, published, shown: state)
        defer { published.note(obstacle: obstacle?.damaged) }
        do {
            obstacle = nil
            defer { state = news.shown }
            try news.takeIn(fresh, &memory)
        } catch let error as LogError where error.damaged != nil {
            obstacle = error
            return error
        }
        state = fresh
        chain = head.chain
        revision = found
        published.note(revision)
        published.publish(fresh, [])
        return nil
    }

    // MARK: - The session

    private func connected() throws -> PostgreSQLConnection {
        if let connection, !connection.isBroken, servers.isCurrent(connection) { return connection }
        connection = nil
        guard .now >= pauseUntil else { throw PostgreSQLError.connectionLost }
        do {
            let made = try servers.session(Self.role)
            connection = made
            return made
        } catch {
            pauseUntil = .now.advanced(by: .milliseconds(200))
            throw error
        }
    }

    func close() { connection = nil }
}
