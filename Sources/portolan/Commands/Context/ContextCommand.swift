import ArgumentParser
import Foundation
import ServiceKit

/// The operator's own settings.
struct ContextCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "context",
        abstract: "Make and show the file that says where the Regions are and who you are.",
        subcommands: [Create.self, Show.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a context from a Region's configuration and an operator's identity.")

        @Option(
            help: ArgumentHelp("A Region's configuration file.", valueName: "file"),
            completion: .file(extensions: ["json"]))
        var config: String

        @Option(help: ArgumentHelp("The operator's name, as in portolan pki.", valueName: "name"))
        var `operator`: String

        @Option(
            help: ArgumentHelp(
                "Where to write it. Default: $PORTOLAN_CONTEXT, then "
                    + "~/.config/portolan/context.json.", valueName: "file"))
        var output: String?

        @Flag(help: "Replace an existing file.") var force = false

        func run() async throws {
            let configuration = try await ConfigurationFile.load(config)
            let context = Self.context(configuration, operator: `operator`)
            for file in [context.certificate, context.key, context.roots]
            where !FileManager.default.isReadableFile(atPath: file) {
                throw CommandFailure(
                    "\(file) cannot be read.",
                    hint: "Make it first: portolan pki operator --directory "
                        + "\(configuration.pkiDirectory) --name \(`operator`)")
            }
            let path =
                output ?? OperatorContext.defaultPath(ProcessInfo.processInfo.environment)
            if FileManager.default.fileExists(atPath: path), !force {
                throw CommandFailure(
                    "\(path) exists already.", hint: "Replace it with --force.")
            }
            let url = URL(fileURLWithPath: path)
            do {
                try FileManager.default.createDirectory(
                    at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                try context.encoded().write(to: url, options: .atomic)
            } catch {
                throw CommandFailure(
                    "\(path) cannot be written.", hint: "Choose another place with --output.")
            }
            Console.print("Wrote \(path). Next: portolan status")
        }

        static func context(
            _ configuration: RegionConfiguration, operator name: String
        ) -> OperatorContext {
            let layout = PKILayout(
                directory: URL(fileURLWithPath: configuration.pkiDirectory).path)
            let files = layout.operatorIdentity(name)
            let names = [configuration.region] + configuration.peers.keys
            let regions = names.map { ($0, addresses(configuration, in: $0)) }
            return OperatorContext(
                trustDomain: configuration.trustDomain, certificate: files.certificate,
                key: files.key, roots: layout.root, region: configuration.region,
                regions: Dictionary(regions, uniquingKeysWith: { first, _ in first }))
        }

        private static func addresses(
            _ configuration: RegionConfiguration, in region: String
        ) -> [String: String] {
            var texts: [String: String] = [:]
            for service in ServiceName.allCases {
                let found = configuration.addresses(of: service, in: region)
                if !found.isEmpty {
                    texts[service.rawValue] = found.map(\.description).joined(separator: ",")
                }
            }
            return texts
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the context in use.")

        @Option(help: ArgumentHelp("Context file.", valueName: "file")) var context: String?
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let path =
                context ?? OperatorContext.defaultPath(ProcessInfo.processInfo.environment)
            let context = try OperatorContext.load(path)
            if json { return try JSONOutput.print(context) }
            var facts = Facts()
            facts.add("File", path)
            facts.add("Trust domain", context.trustDomain)
            facts.add("Certificate", context.certificate)
            facts.add("Default Region", context.region)
            Console.print(facts.render() + "\n")
            var table = Table([.text("Region"), .text("Service"), .text("Address")])
            for region in context.regions.keys.sorted() {
                for service in ServiceName.allCases {
                    if let address = context.regions[region]?[service.rawValue] {
                        table.add([region, service.rawValue, address])
                    }
                }
            }
            Console.print(table.render(.output))
        }
    }
}
