/// What went wrong between the engine and the server. Holds no text of the server's, which could
/// quote values.
enum PostgreSQLError: Error, Sendable, Hashable {
    /// The server answered with this SQLSTATE.
    case server(sqlState: String)
    /// The server did not let the session in: its reason.
    case refused(String)
    /// No connection, or it broke: what was under way may or may not have happened.
    case connectionLost
    /// The server did not answer in time; the connection has been given up.
    case timedOut
    /// The database has gone back behind what this engine has seen in it.
    case wentBack
    /// An answer that no server should give.
    case unexpectedAnswer

    /// Whether the same transaction may succeed when it is run again.
    var isSerializationFailure: Bool {
        switch self {
        // Serialization failure, deadlock; lock and statement timeouts are not retried.
        case .server("40001"), .server("40P01"), .server("40003"): true
        default: false
        }
    }

    /// Whether the session is over, as at a shutdown or a change of servers.
    var endsSession: Bool {
        switch self {
        case .connectionLost, .timedOut, .refused: true
        case .server(let state):
            state.hasPrefix("08") || state.hasPrefix("57P") || state == "25006"
                || state == "25P03"
        case .wentBack, .unexpectedAnswer: false
        }
    }
}

extension LogError {
    /// What a failure of the database means to a caller.
    static func postgreSQL(_ error: any Error) -> LogError {
        if let error = error as? LogError { return error }
        guard let error = error as? PostgreSQLError else {
            return LogError(.storageFailed, "The log's database failed.", cause: error)
        }
        switch error {
        case .connectionLost, .timedOut:
            return LogError(
                .storageFailed, "The log's database cannot be reached; it is tried again.",
                cause: error)
        case .refused(let reason):
            return LogError(
                .storageFailed, "The log's database lets nobody in: \(reason).", cause: error)
        case .wentBack:
            return LogError(
                .storageFailed,
                "The log's database is behind what this coordinator has seen in it: it was restored "
                    + "or its standby had not received everything. Restart the coordinator once that "
                    + "is understood.", cause: error)
        case .unexpectedAnswer:
            return LogError(
                .storageFailed, "The log's database gave an answer that is not understood.",
                cause: error)
        case .server(let state):
            return server(state, error)
        }
    }

    private static func server(_ state: String, _ error: PostgreSQLError) -> LogError {
        switch state {
        case "53100":
            LogError(
                .storageFull, "The log's database server is out of disk; nothing was written.",
                cause: error)
        case "25006":
            LogError(
                .storageReadOnly, "The log's database server takes no writes: it is a standby.",
                cause: error)
        case "40001", "40P01", "40003", "55P03":
            LogError(
                .busy, "Other coordinators write too much at once; try again shortly.",
                cause: error)
        case "XX001", "XX002":
            LogError(
                .storageFailed, "The log's database is damaged; restore it or join again.",
                cause: error)
        case "3D000", "3F000", "28000", "28P01", "42501":
            LogError(
                .storageFailed,
                "The log's database does not let the coordinator in (SQLSTATE \(state)): check "
                    + "database, user, password and rights.", cause: error)
        default:
            LogError(
                .storageFailed, "The log's database failed (SQLSTATE \(state)).", cause: error)
        }
    }
}
