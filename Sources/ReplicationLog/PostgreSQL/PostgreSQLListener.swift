import Dispatch
import Foundation
import Synchronization

/// A session that waits for notifications of other coordinators' commits, and holds the lease on the
/// work that one of them does. Where it cannot be had, it calls regularly all the same.
final class PostgreSQLListener: Sendable {
    /// Longer than its rhythm, shorter than the lease.
    private static let answerMax = Duration.seconds(3)

    private let servers: PostgreSQLServers
    private var settings: PostgreSQLSettings { servers.settings }
    private let ownName: String
    private let isStopped = Mutex(false)
    /// Until when this engine leads, by the clock of this process.
    private let leadsUntil = Mutex(ContinuousClock.now)
    /// When the server answered last.
    private let answeredAt = Mutex(ContinuousClock.now)
    private let queue = DispatchQueue(label: "log.postgresql.listener")

    init(_ servers: PostgreSQLServers) {
        self.servers = servers
        ownName = String(decoding: servers.engine, as: UTF8.self)
    }

    var leads: Bool { leadsUntil.withLock { .now < $0 } }

    /// How long the server has not answered.
    var silence: Duration { answeredAt.withLock { $0.duration(to: .now) } }

    /// Takes or keeps the lease. The server's clock decides; this process believes it for a shorter
    /// time than the server.
    private func renew(_ connection: PostgreSQLConnection) throws {
        let asked = ContinuousClock.now
        try connection.queue(.lease, [.bytes(Data(ownName.utf8))])
        do {
            let isOurs = try connection.flush()[0].count == 1
            leadsUntil.withLock { $0 = isOurs ? asked.advanced(by: .seconds(4)) : asked }
        } catch {
            // Another one may have asked at the same moment.
            guard error.isSerializationFailure else { throw error }
        }
        try connection.queue(.beginSnapshot)
        try connection.queue(.readHead, [.bytes(Data())])
        try connection.queue(.commit)
        let answers = try connection.flush()
        guard answers.count == 3 else { throw PostgreSQLError.unexpectedAnswer }
        // The lease shows that it takes writes still: other sessions may have stayed elsewhere.
        servers.note(PostgreSQLRevision(try PostgreSQLHead(answers[1])))
        answeredAt.withLock { $0 = .now }
    }

    func stop() { isStopped.withLock { $0 = true } }

    /// Calls `news` from its own queue until stopped.
    func start(_ news: @escaping @Sendable () -> Void) {
        queue.async { self.run(news) }
    }

    private func run(_ news: @Sendable () -> Void) {
        var connection: PostgreSQLConnection?
        var quietPolls = 0
        var renewAt = ContinuousClock.now
        while !isStopped.withLock({ $0 }) {
            do {
                if let held = connection, !servers.isCurrent(held) { connection = nil }
                if connection == nil {
                    let made = try servers.session(
                        "listener", answerMax: Self.answerMax)
                    try made.queue(.listen)
                    _ = try made.flush()
                    connection = made
                    news()
                }
                if let connection, .now >= renewAt {
                    renewAt = .now.advanced(by: .seconds(1))
                    try renew(connection)
                }
                let payloads =
                    try connection?.notifications(within: settings.pollInterval) ?? []
                quietPolls += 1
                // A look now and then also while notifications work: they are a hint, no promise.
                if payloads.contains(where: { $0 != ownName }) || quietPolls >= 8 {
                    quietPolls = 0
                    news()
                }
            } catch {
                if let connection { servers.distrust(connection, after: error) }
                connection = nil
                usleep(UInt32(settings.pollInterval / .microseconds(1)))
                news()
            }
        }
    }
}
