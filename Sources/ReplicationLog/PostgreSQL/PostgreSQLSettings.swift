/// Where the database of one Region's log is, and how long anything there may take.
package struct PostgreSQLSettings: Sendable {
    /// One or more, tried in order until one takes writes; or the directory of a Unix socket.
    package var hosts: [String]
    package var port: Int
    package var database: String
    package var user: String
    /// Never logged.
    package var password: String?
    /// As libpq has it: disable, prefer, require, verify-ca, verify-full.
    package var sslMode: String
    /// PEM file with the roots that the server's certificate is checked against.
    package var sslRootCertificate: String?
    /// The log's tables are in a schema of their own: one for each Region.
    package var schema: String
    /// Connecting to one host.
    package var connectMax = Duration.seconds(3)
    /// Waiting at the start for servers that cannot be reached yet.
    package var openMax = Duration.zero
    /// Making one small write durable, before a session is used.
    package var confirmMax = Duration.seconds(3)
    /// One statement, or the wait for another coordinator's transaction.
    package var statementMax = Duration.seconds(10)
    /// One write with all its retries, a change of servers included.
    package var writeMax = Duration.seconds(8)
    /// Between two looks for other coordinators' commits where no notification tells of them.
    package var pollInterval = Duration.milliseconds(250)

    package init(
        hosts: [String], port: Int = 5_432, database: String, user: String,
        password: String? = nil, sslMode: String = "verify-full",
        sslRootCertificate: String? = nil, schema: String = "portolan"
    ) {
        self.hosts = hosts
        self.port = port
        self.database = database
        self.user = user
        self.password = password
        self.sslMode = sslMode
        self.sslRootCertificate = sslRootCertificate
        self.schema = schema
    }

    /// What libpq is given to connect.
    var connectionParameters: [(String, String)] {
        var parameters = [
            ("host", hosts.joined(separator: ",")), ("port", String(port)), ("dbname", database),
            ("user", user), ("sslmode", sslMode), ("client_encoding", "UTF8"),
            ("application_name", "portolan"), ("target_session_attrs", "read-write"),
            ("connect_timeout", String(max(2, connectMax.components.seconds))),
            ("keepalives_idle", "5"), ("keepalives_interval", "2"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "10000"),
        ]
        if let password { parameters.append(("password", password)) }
        if let sslRootCertificate { parameters.append(("sslrootcert", sslRootCertificate)) }
        return parameters
    }

    /// What each session sets. An acknowledged write is on the server's disk, and on that of its
    /// synchronous standbys; a coordinator that stands still holds nobody up for ever.
    var session: [(name: String, value: String)] {
        [
            ("search_path", schema),
            ("synchronous_commit", "on"),
            ("default_transaction_isolation", "serializable"),
            ("statement_timeout", milliseconds(statementMax)),
            ("lock_timeout", milliseconds(statementMax / 2)),
            ("idle_in_transaction_session_timeout", milliseconds(statementMax)),
        ]
    }

    private func milliseconds(_ duration: Duration) -> String {
        String(Int(duration / .milliseconds(1)))
    }

    /// Lower-case letters, digits and underscores: the name is part of statements' text.
    package static func isSchemaName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (97...122).contains($0) || (48...57).contains($0) || $0 == 95
            } && !(text.utf8.first.map { (48...57).contains($0) } ?? true)
    }
}
