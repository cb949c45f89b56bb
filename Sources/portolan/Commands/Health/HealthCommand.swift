import ArgumentParser
import Logging
import NIOPosix
import RPC
import ServiceKit

/// Whether a service answers: for people, containers and scripts.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Ask services whether they are up and ready.",
        discussion: """
            Exit code 0 when every service that was asked is up; with --ready, when it can also \
            answer. With --config a service asks its own Region with its own identity (for \
            containers); otherwise the operator's context is used.
            """)

    struct Answer: Encodable {
        let service: String
        let region: String
        let up: Bool
        let ready: Bool
        let reason: String
    }

    @Option(
        help: ArgumentHelp(
            "directory, permission, keys, coordinator or portal; may be repeated. Default: all.",
            valueName: "service"),
        completion: .list(ServiceName.allCases.map(\.rawValue)), transform: Self.name)
    var service: [ServiceName] = []

    @Option(
        help: ArgumentHelp("The Region's configuration.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var config: String?

    @Flag(help: "Also require that the service can answer.") var ready = false

    @OptionGroup var client: ClientOptions

    private static func name(_ text: String) throws -> ServiceName {
        guard let name = ServiceName(rawValue: text) else {
            throw ValidationError("\(text) is not a service.")
        }
        return name
    }

    func run() async throws {
        let services = service.isEmpty ? ServiceName.allCases : service
        let answers: [Answer]
        if let config {
            answers = try await askOwnRegion(try await ConfigurationFile.load(config), services)
        } else {
            answers = try await client.connected { session in
                try await ask(services, session.region) { try session.channel($0) }
            }
        }
        show(answers)
        if answers.contains(where: { !$0.up || (ready && !$0.ready) }) { throw ExitCode(1) }
    }

    private func askOwnRegion(
        _ configuration: RegionConfiguration, _ services: [ServiceName]
    ) async throws -> [Answer] {
        var answers: [Answer] = []
        for service in services {
            let channels = CachedChannels(
                tls: try TLSIdentityStore(
                    try ServiceIdentity.load(service, configuration: configuration)),
                group: MultiThreadedEventLoopGroup.singleton, logger: .silent
            ) { configuration.addresses(of: $0, in: $1) }
            answers += try await ask([service], configuration.region) {
                try channels.channel(to: $0, in: configuration.region)
            }
            await channels.close()
        }
        return answers
    }

    private func ask(
        _ services: [ServiceName], _ region: String,
        _ channel: (ServiceName) throws -> any CallChannel
    ) async throws -> [Answer] {
        var answers: [Answer] = []
        for service in services {
            do {
                let health = HealthClient(try channel(service))
                let (status, reason) = try await health.check(
                    service.rawValue, options: CallOptions(timeout: .seconds(5)))
                answers.append(
                    Answer(
                        service: service.rawValue, region: region, up: true,
                        ready: status == .serving, reason: reason))
            } catch let error as RPCError {
                answers.append(
                    Answer(
                        service: service.rawValue, region: region, up: false, ready: false,
                        reason: error.message))
            }
        }
        return answers
    }

    private func show(_ answers: [Answer]) {
        if client.json {
            try? JSONOutput.print(answers)
            return
        }
        var table = Table([
            .text("Region"), .text("Service"), .text("Up"), .text("Ready"), .wide("Why not"),
        ])
        for answer in answers {
            table.add([
                answer.region, answer.service, Format.yesNo(answer.up), Format.yesNo(answer.ready),
                answer.reason,
            ])
        }
        Console.print(table.render(.output))
    }
}

extension Logger {
    /// Says nothing: for commands, whose errors are returned.
    static var silent: Logger {
        Logger(label: "portolan") { _ in SwiftLogNoOpLogHandler() }
    }
}
