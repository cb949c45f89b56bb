import Foundation
package import ReplicationLog
package import ServiceKit

/// Where one Region's log is kept, and how it is opened.
package struct LogStore: Sendable {
    package let region: String
    package let storage: LogStorage
    /// The coordinator's data directory.
    package let directory: String

    package init(region: String, storage: LogStorage, directory: String) {
        self.region = region
        self.storage = storage
        self.directory = directory
    }

    package init(_ settings: CoordinatorSettings) {
        self.init(
            region: settings.region, storage: settings.storage,
            directory: settings.dataDirectory)
    }

    package init(_ configuration: RegionConfiguration) {
        self.init(
            region: configuration.region, storage: configuration.logStorage,
            directory: configuration.dataDirectory(of: .coordinator))
    }

    /// The same Region's log on another engine.
    package func on(_ storage: LogStorage) -> LogStore {
        LogStore(region: region, storage: storage, directory: directory)
    }

    /// A coordinator may be started before its database.
    private static let openMax = Duration.seconds(30)

    var path: String { directory + "/log.sqlite" }

    /// Opens the log, making it when there is none. Read-only it has to be there, and a coordinator
    /// may go on with it.
    ///
    /// Throws `LogError`.
    package func open(isReadOnly: Bool = false) throws -> any LogEngine {
        switch storage {
        case .sqlite where isReadOnly:
            return try SQLiteLogEngine(path: path, region: region, isReadOnly: true)
        case .sqlite:
            try? FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            return try SQLiteLogEngine(path: path, region: region)
        case .postgreSQL(let server):
            var settings = PostgreSQLSettings(server)
            if !isReadOnly { settings.openMax = Self.openMax }
            return try PostgreSQLLogEngine(settings, region: region)
        }
    }
}

extension PostgreSQLSettings {
    init(_ server: PostgreSQLServer) {
        self.init(
            hosts: server.hosts, port: server.port, database: server.database,
            user: server.user, password: server.password, sslMode: server.sslMode,
            sslRootCertificate: server.sslRootCertificate, schema: server.schema)
    }
}
