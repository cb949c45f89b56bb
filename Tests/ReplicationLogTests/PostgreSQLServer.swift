import Foundation
import ReplicationLog
import Synchronization

/// Debian's PostgreSQL server in a directory of its own, on a Unix socket, started once for all tests.
/// `make setup` installs it; where it is not there the tests that need it are skipped.
final class PostgreSQLServer: Sendable {
    static let shared: PostgreSQLServer? = try? PostgreSQLServer("shared")

    static var isInstalled: Bool { binaries != nil }

    private static let binaries: String? = {
        let base = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        return versions.compactMap(Int.init).sorted().last.map { "\(base)/\($0)/bin" }
    }()
    /// Stopped when the process ends.
    private static let running = Mutex<[PostgreSQLServer]>([])

    struct Failure: Error { let step: String }

    let directory: String
    private let binaries: String

    /// Starts a server of that name, for tests that stop it; as the standby of another one, which then
    /// answers no commit that it has not got.
    init(_ name: String, standbyOf primary: PostgreSQLServer? = nil) throws {
        guard let binaries = Self.binaries else { throw Failure(step: "find") }
        self.binaries = binaries
        directory = "/tmp/portolan-pg-\(ProcessInfo.processInfo.processIdentifier)-\(name)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        if getuid() == 0 { try run("/bin/chown", ["postgres", directory], asServer: false) }
        if let primary {
            try run(
                "\(binaries)/pg_basebackup",
                [
                    "-D", directory + "/data", "-R", "-X", "stream", "-c", "fast", "-d",
                    "host=\(primary.directory) user=postgres",
                ])
        } else {
            try run(
                "\(binaries)/initdb",
                ["-D", directory + "/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"])
        }
        try start()
        if let primary {
            try primary.run(sql: "ALTER SYSTEM SET synchronous_standby_names = '*'")
            try primary.run(sql: "SELECT pg_reload_conf()")
            while try primary.run(sql: "SELECT sync_state FROM pg_stat_replication")
                .trimmingCharacters(in: .newlines) != "sync"
            {
                usleep(50_000)
            }
        }
        Self.running.withLock { running in
            if running.isEmpty {
                atexit { for server in PostgreSQLServer.running.withLock({ $0 }) { server.end() } }
            }
            running.append(self)
        }
    }

    func settings(schema: String) -> PostgreSQLSettings {
        PostgreSQLSettings(
            hosts: [directory], database: "postgres", user: "postgres", sslMode: "disable",
            schema: schema)
    }

    func start() throws {
        let options =
            "-c listen_addresses='' -k \(directory) -c fsync=off -c max_connections=600 "
            + "-c shared_buffers=32MB -c logging_collector=off"
        try run(
            "\(binaries)/pg_ctl",
            ["-D", directory + "/data", "-l", directory + "/log", "-w", "-o", options, "start"])
    }

    /// A standby becomes a primary; the other server is not asked.
    func promote() throws {
        try run("\(binaries)/pg_ctl", ["-D", directory + "/data", "-w", "promote"])
    }

    /// Stops it as a power failure would: without a word to its sessions.
    func stopImmediately() throws {
        try run("\(binaries)/pg_ctl", ["-D", directory + "/data", "-m", "immediate", "stop"])
    }

    /// Runs a statement by psql and returns what it printed.
    @discardableResult
    func run(sql: String) throws -> String {
        try run(
            "\(binaries)/psql",
            ["-h", directory, "-U", "postgres", "-d", "postgres", "-qAt", "-c", sql])
    }

    func end() {
        try? stopImmediately()
        try? FileManager.default.removeItem(atPath: directory)
    }

    @discardableResult
    private func run(
        _ program: String, _ arguments: [String], asServer: Bool = true
    ) throws -> String {
        let isRoot = getuid() == 0 && asServer
        let command =
            isRoot
            ? ["/usr/sbin/runuser", "-u", "postgres", "--", program] + arguments
            : [program] + arguments
        let output = NSTemporaryDirectory() + "/" + UUID().uuidString
        try Data().write(to: URL(filePath: output))
        defer { try? FileManager.default.removeItem(atPath: output) }
        guard try Self.spawn(command, output: output) == 0 else { throw Failure(step: program) }
        return try String(contentsOfFile: output, encoding: .utf8)
    }

    /// Runs a program to its end. Foundation's Process would wait for the server as well, which
    /// inherits what it watches.
    private static func spawn(_ command: [String], output: String) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var arguments = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        guard posix_spawn(&process, command[0], &actions, nil, &arguments, environ) == 0 else {
            throw Failure(step: command[0])
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw Failure(step: command[0]) }
        }
        return status
    }
}
