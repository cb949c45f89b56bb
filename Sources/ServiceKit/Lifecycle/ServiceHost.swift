import Contracts
package import Logging
package import NIOCore
package import RPC
import ServiceLifecycle

/// Why a service could not start, and what to do about it.
package struct StartError: Error, CustomStringConvertible {
    package let message: String
    package let remedy: String

    package init(_ message: String, remedy: String) {
        self.message = message
        self.remedy = remedy
    }

    package var description: String { "\(message) \(remedy)" }
}

/// Runs one service: its listener, its background work, its metrics, until told to stop.
package struct ServiceHost: Service {
    private let configuration: RegionConfiguration
    private let module: any ServiceModule
    private let tls: TLSIdentityStore
    private let group: any EventLoopGroup
    private let logger: Logger
    /// How long calls under way may take once the service is told to stop.
    private let drain: Duration

    package init(
        configuration: RegionConfiguration, module: any ServiceModule, tls: TLSIdentityStore,
        group: any EventLoopGroup, drain: Duration = .seconds(8), logger: Logger
    ) {
        self.configuration = configuration
        self.module = module
        self.tls = tls
        self.group = group
        self.drain = drain
        self.logger = logger
    }

    /// Until told to stop gracefully, cancelled, or the module cannot go on.
    ///
    /// Throws `StartError` when it cannot start, and what the module throws.
    package func run() async throws {
        let server = try makeServer()
        let bound = try await listen(server)
        logger.info("serving", metadata: ["address": "\(bound)"])
        let outcome = await work(server)
        logger.info("stopping")
        await server.shutDown(drain: .zero)
        logger.info("stopped")
        try outcome.get()
    }

    private func makeServer() throws -> RPCServer {
        var methods = module.methods
        HealthService(module.name) { [module] in await module.readiness }.register(in: &methods)
        let monitoring = MonitoringService()
        monitoring.register(in: &methods)
        do {
            try ReflectionService(of: methods).registerAll(in: &methods)
        } catch {
            throw StartError(
                "The descriptors that are built in cannot be read: \(error).",
                remedy: "This is a mistake in the program; please report it.")
        }
        let table = ServiceRules.table(for: module.name, configuration: configuration)
        let differences = table.differences(from: methods)
        guard differences.isEmpty else {
            throw StartError(
                "The authorisation table and the methods of \(module.name.rawValue) differ: "
                    + differences.joined(separator: "; ") + ".",
                remedy: "This is a mistake in the program; please report it.")
        }
        let server = RPCServer(methods: methods, authorization: table, tls: tls, logger: logger)
        monitoring.follow(server)
        return server
    }

    private func listen(_ server: RPCServer) async throws -> RPCAddress {
        let key = "listen.\(module.name.rawValue)"
        guard let address = configuration.listen[module.name] else {
            throw ConfigurationError(key: key, problem: "is missing")
        }
        do {
            return try await server.start(
                group: group, address: RPCAddress(host: address.host, port: address.port))
        } catch let error as RPCError where error.reason == "CANNOT_LISTEN" {
            throw StartError(
                "Cannot listen on \(address): \(error.cause.map { "\($0)" } ?? error.message).",
                remedy: "Stop what uses the port (ss -ltnp), or change \(key) in the "
                    + "configuration.")
        }
    }

    /// Runs everything until the first part ends; a graceful stop lets calls finish first.
    private func work(_ server: RPCServer) async -> Result<Void, any Error> {
        await withTaskGroup(of: Result<Void, any Error>.self) { tasks in
            tasks.addTask { await result { try await module.run() } }
            tasks.addTask {
                await result {
                    let reloader = IdentityReloader(
                        store: tls, service: module.name, configuration: configuration,
                        logger: logger)
                    try await reloader.run()
                }
            }
            if let address = metricsAddress {
                tasks.addTask {
                    await result {
                        let exporter = MetricsExporter(
                            service: module.name, region: configuration.region, server: server,
                            logger: logger, figures: { [module] in await module.figures })
                        try await exporter.run(group: group, address: address)
                    }
                }
            }
            tasks.addTask {
                await result {
                    try await gracefulShutdown()
                    module.stopping()
                    await server.shutDown(drain: drain)
                }
            }
            let first = await tasks.next() ?? .success(())
            tasks.cancelAll()
            return first
        }
    }

    private var metricsAddress: ServiceAddress? {
        guard let base = configuration.metricsListen,
            let index = ServiceName.allCases.firstIndex(of: module.name)
        else { return nil }
        return ServiceAddress(host: base.host, port: base.port == 0 ? 0 : base.port + index)
    }
}

/// Cancellation is how work is ended; it is no failure.
private func result(
    _ body: () async throws -> Void
) async -> Result<Void, any Error> {
    do {
        try await body()
        return .success(())
    } catch is CancellationError {
        return .success(())
    } catch {
        return .failure(error)
    }
}
