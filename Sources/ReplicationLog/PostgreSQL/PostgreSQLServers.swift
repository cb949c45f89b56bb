import Foundation
import Synchronization

/// The database servers of one log, in the order in which they are tried, for all sessions of an engine.
///
/// A former primary that comes back takes writes and looks like the primary; with synchronous
/// replication it can only not make them durable, as nobody receives them any more. It may even hold
/// commits that no standby got, which nobody was told of. So no session is used before a write of
/// its own is durable there: with it, everything is that the session can see.
final class PostgreSQLServers: Sendable {
    let settings: PostgreSQLSettings
    /// Names this engine among the writers.
    let engine = Data(UUID().uuidString.utf8)
    private let first = Mutex(0)
    /// Where a session has last been proved good.
    private let proved = Mutex<String?>(nil)
    /// The latest moment of the log that any session has seen.
    private let latest = Mutex<PostgreSQLRevision?>(nil)

    init(_ settings: PostgreSQLSettings) { self.settings = settings }

    /// A session on a server that makes writes durable. `prepare` comes before the proof.
    ///
    /// Throws: `timedOut` when it does not: the next attempt begins with another server.
    func session(
        _ role: String, answerMax: Duration? = nil,
        prepare: (PostgreSQLConnection) throws -> Void = { _ in }
    ) throws -> PostgreSQLConnection {
        var ordered = settings
        ordered.hosts = order
        let connection = try PostgreSQLConnection(ordered, answerMax: answerMax)
        try prepare(connection)
        try confirm(connection, role)
        prefer(connection.host)
        return connection
    }

    /// Whether a session is where the newest one is. One that stayed behind at a former primary would
    /// show old state for ever, without an error.
    func isCurrent(_ connection: PostgreSQLConnection) -> Bool {
        proved.withLock { $0 == nil || $0 == connection.host }
    }

    /// Returns when everything is durable that could be seen in the server before.
    func confirm(_ connection: PostgreSQLConnection, _ role: String) throws {
        do {
            try connection.queue(.beginPlain)
            try connection.queue(.confirm, [.bytes(engine + Data("/\(role)".utf8))])
            try connection.queue(.commit)
            _ = try connection.flush(within: settings.confirmMax)
        } catch {
            distrust(connection, after: error)
            throw error
        }
    }

    var seen: PostgreSQLRevision? { latest.withLock { $0 } }

    /// Notes what a session has seen, which all others have to see from now on.
    func note(_ revision: PostgreSQLRevision) {
        latest.withLock { held in
            if held.map({ revision.number > $0.number }) ?? true { held = revision }
        }
    }

    private var order: [String] {
        let hosts = settings.hosts
        let first = first.withLock { $0 }
        return Array(hosts[first...] + hosts[..<first])
    }

    private func prefer(_ host: String) {
        guard let index = settings.hosts.firstIndex(of: host) else { return }
        first.withLock { $0 = index }
        proved.withLock { $0 = host }
    }

    /// Tries the servers after this one first from now on.
    func distrust(_ connection: PostgreSQLConnection) {
        guard let index = settings.hosts.firstIndex(of: connection.host) else { return }
        first.withLock { $0 = (index + 1) % settings.hosts.count }
    }

    /// Whether another server, or the one that a moved address leads to, might not have given the error.
    func isLocal(_ error: any Error) -> Bool {
        switch error as? PostgreSQLError {
        // A lock that does not come free: somebody waits there for a standby that is gone.
        case .timedOut, .wentBack, .server("55P03"): true
        default: false
        }
    }

    func distrust(_ connection: PostgreSQLConnection, after error: any Error) {
        if isLocal(error) { distrust(connection) }
    }
}
