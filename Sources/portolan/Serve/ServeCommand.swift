import ArgumentParser
import Foundation
import Logging
import NIOPosix
import RPC
import ServiceKit
import ServiceLifecycle
import UnixSignals

/// Runs services of a Region.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run one service of a Region, or all five.",
        discussion: """
            Stops on SIGTERM and SIGINT after letting calls finish. Logs go to standard error, one \
            line each. Exit code 78 means that the configuration has to be changed.
            """)

    enum Target: String, ExpressibleByArgument, CaseIterable {
        case directory, permission, keys, coordinator, portal, all

        var services: [ServiceName] {
            ServiceName(rawValue: rawValue).map { [$0] } ?? ServiceName.allCases
        }
    }

    @Argument(help: "directory, permission, keys, coordinator, portal or all.")
    var service: Target

    @Option(
        help: ArgumentHelp("The Region's configuration.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var config: String

    @Option(
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: String = "info"

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("--log-level \(logLevel) is not a level.")
        }
    }

    func run() async throws {
        let level = Logger.Level(rawValue: logLevel) ?? .info
        LoggingSystem.bootstrap { LineLogHandler(label: $0, level: level) }
        ProcessLimits.raiseOpenFiles()
        let configuration = try await ConfigurationFile.load(config)
        do {
            try await serve(configuration)
        } catch let error as StartError {
            throw CommandFailure(
                error.message, hint: error.remedy,
                exitCode: CommandFailure.configurationExitCode)
        } catch let error as PKIError {
            throw CommandFailure(
                error.message, hint: error.remedy,
                exitCode: CommandFailure.configurationExitCode)
        }
    }

    /// What keeps a service from opening its files is for the operator to mend.
    private func open(
        _ name: ServiceName, _ configuration: RegionConfiguration,
        _ channels: any ServiceChannels, _ logger: Logger
    ) async throws -> any ServiceModule {
        do {
            return try await ServiceModules.make(
                name, configuration: configuration, channels: channels, logger: logger)
        } catch  where error is StartError || error is PKIError {
            throw error
        } catch {
            throw StartError(
                "The \(name.rawValue) service cannot start: \(error).",
                remedy: "Its data is in \(configuration.dataDirectory(of: name)).")
        }
    }

    private func serve(_ configuration: RegionConfiguration) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        var services: [any Service] = []
        var channels: [CachedChannels] = []
        for name in service.services {
            try DataDirectory.prepare(configuration, name)
            var logger = Logger(label: name.rawValue)
            logger[metadataKey: "region"] = "\(configuration.region)"
            let tls = try TLSIdentityStore(
                try ServiceIdentity.load(name, configuration: configuration))
            let reached = CachedChannels(tls: tls, group: group, logger: logger) {
                configuration.addresses(of: $0, in: $1)
            }
            let module = try await open(name, configuration, reached, logger)
            services.append(
                ServiceHost(
                    configuration: configuration, module: module, tls: tls, group: group,
                    logger: logger))
            channels.append(reached)
        }
        var logger = Logger(label: "portolan")
        logger.logLevel = .error
        let running = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await running.run())
        } catch {
            outcome = .failure(error)
        }
        for channels in channels { await channels.close() }
        try outcome.get()
    }
}
