/// Where the coordinator keeps the Region's log.
public enum LogStorage: Sendable {
    /// A file in the coordinator's data directory.
    case sqlite
    /// A database that several coordinators of the Region may share.
    case postgreSQL(PostgreSQLServer)

    /// As the configuration names it.
    public var name: String {
        switch self {
        case .sqlite: "sqlite"
        case .postgreSQL: "postgresql"
        }
    }
}

/// How the database server is reached.
public struct PostgreSQLServer: Sendable {
    /// Tried in order until one takes writes; a directory stands for a Unix socket.
    public var hosts: [String]
    public var port: Int
    public var database: String
    public var user: String
    /// Read from a file; never logged.
    public var password: String?
    /// As libpq has it.
    public var sslMode: String
    public var sslRootCertificate: String?
    public var schema: String
}

extension PostgreSQLServer: CustomStringConvertible {
    /// Without the password.
    public var description: String {
        "\(user)@\(hosts.joined(separator: ",")):\(port)/\(database) schema \(schema)"
    }
}
