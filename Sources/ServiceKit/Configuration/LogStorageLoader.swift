import Configuration
import Foundation

/// Reads where the log is kept: `engine`, and with "postgresql" how the server is reached.
enum LogStorageLoader {
    private static let sslModes = [
        "disable", "allow", "prefer", "require", "verify-ca", "verify-full",
    ]

    static func read(_ config: ConfigReader, _ server: PostgreSQLServer) throws -> LogStorage {
        switch config.string(forKey: "engine") ?? "sqlite" {
        case "sqlite": return .sqlite
        case "postgresql": return .postgreSQL(server)
        case let other:
            throw ConfigurationError(
                key: "engine", problem: "\(other) is neither sqlite nor postgresql")
        }
    }

    static func server(
        _ config: ConfigReader, region: String
    ) throws -> PostgreSQLServer {
        let hosts = config.stringArray(forKey: "hosts") ?? ["localhost"]
        guard !hosts.isEmpty,
            hosts.allSatisfy({ !$0.isEmpty && !$0.utf8.contains(UInt8(ascii: ",")) })
        else {
            throw ConfigurationError(key: "postgresql.hosts", problem: "names no server")
        }
        let port = config.int(forKey: "port", default: 5_432)
        guard (1...65_535).contains(port) else {
            throw ConfigurationError(key: "postgresql.port", problem: "\(port) is no port")
        }
        let isLocal = hosts.allSatisfy { $0.hasPrefix("/") }
        let sslMode = config.string(forKey: "sslMode") ?? (isLocal ? "disable" : "verify-full")
        guard sslModes.contains(sslMode) else {
            throw ConfigurationError(
                key: "postgresql.sslMode",
                problem: "\(sslMode) is not one of \(sslModes.joined(separator: ", "))")
        }
        let schema =
            config.string(forKey: "schema")
            ?? "portolan_" + String(region.map { $0 == "-" ? "_" : $0 })
        guard isSchemaName(schema) else {
            throw ConfigurationError(
                key: "postgresql.schema", problem: "may have a-z, 0-9 and underscores only")
        }
        return PostgreSQLServer(
            hosts: hosts, port: port, database: config.string(forKey: "database") ?? "portolan",
            user: config.string(forKey: "user") ?? "portolan", password: try password(config),
            sslMode: sslMode, sslRootCertificate: config.string(forKey: "sslRootCertificate"),
            schema: schema)
    }

    /// `[a-z_][a-z0-9_]{0,62}`
    private static func isSchemaName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                $0.isLowercaseLetter || $0.isDigit || $0 == UInt8(ascii: "_")
            }
            && text.utf8.first?.isDigit == false
    }

    /// The first line of the file; nil when none is named: libpq then looks where it always does.
    private static func password(_ config: ConfigReader) throws -> String? {
        guard let path = config.string(forKey: "passwordFile") else { return nil }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            let line = text.split(whereSeparator: \.isNewline).first
        else {
            throw ConfigurationError(
                key: "postgresql.passwordFile", problem: "\(path) cannot be read or is empty")
        }
        return String(line)
    }
}
