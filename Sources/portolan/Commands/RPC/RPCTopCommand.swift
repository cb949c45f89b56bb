import ArgumentParser
import Contracts
import RPC
import ServiceKit

/// Shows the busiest methods, again and again.
struct RPCTopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Watch the calls of services: rates, failures, latency.",
        discussion: """
            Latencies are upper bounds of buckets that double, over the calls since the line before. \
            With --json one line per interval and service.
            """)

    @Argument(help: "directory, permission, keys, coordinator or portal. Default: all.")
    var services: [String] = []

    @Option(help: ArgumentHelp("Seconds between, 0.2 to 60.", valueName: "seconds"))
    var interval = 2.0

    @Option(help: ArgumentHelp("Stop after so many; 0: never.", valueName: "count"))
    var count = 0

    @Option(help: ArgumentHelp("Methods to show at most.", valueName: "count"))
    var rows = 20

    @OptionGroup var client: ClientOptions

    func validate() throws {
        guard (0.2...60).contains(interval) else {
            throw ValidationError("--interval must be within 0.2 to 60.")
        }
        guard count >= 0, rows > 0 else {
            throw ValidationError("--count and --rows must not be negative.")
        }
    }

    func run() async throws {
        let names = try services.isEmpty ? ServiceName.allCases : services.map(ServiceName.argument)
        try await client.connected { session in
            var before: [ServiceName: MonitoringGetFiguresResponse] = [:]
            var shown = 0
            while count == 0 || shown <= count {
                var rates: [CallRates] = []
                for name in names {
                    let figures = try await Self.figures(name, session)
                    rates.append(
                        CallRates(service: name.rawValue, from: before[name], to: figures))
                    before[name] = figures
                }
                // The first look gives nothing to compare with.
                if shown > 0 { try show(rates) }
                shown += 1
                if count == 0 || shown <= count {
                    try await Task.sleep(for: .seconds(interval))
                }
            }
        }
    }

    private static func figures(
        _ name: ServiceName, _ session: RegionSession
    ) async throws -> MonitoringGetFiguresResponse {
        try await MonitoringClient(try session.channel(name)).getFigures(
            .init(), options: session.options)
    }

    private func show(_ rates: [CallRates]) throws {
        if client.json {
            for rate in rates { try JSONOutput.print(rate) }
            return
        }
        let busiest = rates.flatMap(\.rows)
            .sorted { $0.callsPerSecond > $1.callsPerSecond }.prefix(rows)
        let table = Self.table(Array(busiest)).render(.output)
        // Home and clear to the end: less flicker than clearing first.
        let clear = Terminal.output.isInteractive ? "\u{1B}[H\u{1B}[2J" : ""
        Console.print(clear + table + (clear.isEmpty ? "\n" : ""))
    }

    static func table(_ rows: [CallRates.Row]) -> Table {
        var table = Table(
            [
                .wide("Method"), .extra("Peer"), .number("Calls/s"), .number("Failed/s"),
                .number("Under way"), .number("p50"), .number("p99"), .number("In/s"),
                .number("Out/s"),
            ], whenEmpty: "No calls.")
        for row in rows {
            table.add([
                row.method.split(separator: ".").last.map(String.init) ?? row.method, row.peer,
                decimal(row.callsPerSecond), decimal(row.failuresPerSecond),
                Format.count(row.inFlight), Format.duration(microseconds: row.p50Microseconds),
                Format.duration(microseconds: row.p99Microseconds),
                bytes(row.requestBytesPerSecond), bytes(row.responseBytesPerSecond),
            ])
        }
        return table
    }

    private static func decimal(_ value: Double) -> String {
        value < 10 ? "\((value * 10).rounded() / 10)" : Format.count(Int(value.rounded()))
    }

    /// "512 B", "12 KiB", "3 MiB".
    static func bytes(_ value: Double) -> String {
        switch value {
        case ..<1_024: "\(Int(value.rounded())) B"
        case ..<1_048_576: "\(Int((value / 1_024).rounded())) KiB"
        default: Format.count(Int((value / 1_048_576).rounded())) + " MiB"
        }
    }
}
