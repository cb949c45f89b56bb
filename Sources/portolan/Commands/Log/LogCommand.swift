import ArgumentParser
import CoordinatorService
import Foundation
import ServiceKit
import Synchronization

/// The store of a Region's log, on the machine where it is.
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Look after the store of a Region's log.",
        subcommands: [Migrate.self])

    enum Engine: String, ExpressibleByArgument, CaseIterable {
        case sqlite, postgresql
    }

    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Move a Region's log to another engine.",
            discussion: """
                Stop the Region's coordinator first. The copy is compared with the original by \
                digests, positions and the trail's hash chain; the original stays as it is. After a \
                failure run it again: it starts over. Then set "engine" in the configuration and \
                start the coordinator.
                """)

        @Option(
            help: ArgumentHelp("The Region's configuration.", valueName: "file"),
            completion: .file(extensions: ["json"]))
        var config: String
        @Option(help: "The engine in use: sqlite or postgresql.") var from: Engine
        @Option(help: "The engine to move to: sqlite or postgresql.") var to: Engine

        func validate() throws {
            guard from != to else { throw ValidationError("--from and --to are the same.") }
        }

        func run() async throws {
            let configuration = try await ConfigurationFile.load(config)
            let store = LogStore(configuration)
            let transfer = LogTransfer(store.on(try storage(from, configuration)))
            let meter = TransferMeter("moving")
            defer { meter.finish() }
            let summary = try await transfer.migrate(
                to: store.on(try storage(to, configuration)),
                through: URL(filePath: configuration.dataDirectory(of: .coordinator)),
                progress: meter.show)
            meter.finish()
            Console.print(
                "Moved \(Format.count(summary.entries)) entries of \(summary.streams) streams and "
                    + "\(Format.count(summary.events)) events to \(to.rawValue); "
                    + "\(summary.digests) digests and the trail's chain agree.\n"
                    + "Set \"engine\": \"\(to.rawValue)\" in \(config), then start the coordinator."
            )
        }

        private func storage(
            _ engine: Engine, _ configuration: RegionConfiguration
        ) throws -> LogStorage {
            switch engine {
            case .sqlite: return .sqlite
            case .postgresql:
                guard let server = configuration.postgreSQL else {
                    throw CommandFailure("The configuration names no PostgreSQL server.")
                }
                return .postgreSQL(server)
            }
        }
    }
}

/// Draws how far a transfer is, from whatever thread tells of it.
final class TransferMeter: Sendable {
    private let name: String
    private let start = Date()
    private let drawn = Mutex(Drawn())

    private struct Drawn {
        var bar = ProgressBar(.errors)
        var at = Date.distantPast
    }

    init(_ name: String) { self.name = name }

    func show(_ progress: TransferProgress) {
        drawn.withLock { drawn in
            guard Date().timeIntervalSince(drawn.at) > 0.2 else { return }
            drawn.at = Date()
            drawn.bar.show(name, done: progress.done, total: progress.total, since: start)
        }
    }

    /// Ends the line, once.
    func finish() {
        drawn.withLock { drawn in
            drawn.bar.finish()
            drawn.bar = ProgressBar(.errors)
        }
    }
}
