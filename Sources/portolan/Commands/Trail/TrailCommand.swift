import ArgumentParser
import Contracts
import Foundation
import RPC

/// The audit trail of the Region that is asked.
struct TrailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trail", abstract: "Look events up, export them, verify the chain.",
        subcommands: [
            List.self, Export.self, TrailVerifyCommand.self, TrailAcknowledgeCommand.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List events, newest first.",
            discussion: "At most one of --event-name, --user-name, --resource, --source and "
                + "--event-id.")

        @OptionGroup var client: ClientOptions
        @Option(help: ArgumentHelp("Such as CreateUser.", valueName: "name"))
        var eventName: String?
        @Option(help: ArgumentHelp("Who did it.", valueName: "name")) var userName: String?
        @Option(help: ArgumentHelp("ARN or name of what it was done to.", valueName: "resource"))
        var resource: String?
        @Option(help: ArgumentHelp("Such as sso.amazonaws.com.", valueName: "source"))
        var source: String?
        @Option(help: ArgumentHelp("One event.", valueName: "id")) var eventID: String?
        @Option(
            help: ArgumentHelp(
                "Not older than this: a time (2026-11-24T03:00:00Z) or 15m, 2h, 7d.",
                valueName: "time"))
        var since: String?
        @OptionGroup var paging: PagingOptions

        private var filters: [(name: String, value: String)] {
            [
                ("EventName", eventName), ("Username", userName), ("ResourceName", resource),
                ("EventSource", source), ("EventId", eventID),
            ].compactMap { name, value in value.map { (name, $0) } }
        }

        func validate() throws {
            if filters.count > 1 { throw ValidationError("Name at most one attribute.") }
            if let since, Self.time(since, now: Date()) == nil {
                throw ValidationError(
                    "--since \(since) is not a time: use 2026-11-24T03:00:00Z "
                        + "or 15m, 2h, 7d.")
            }
        }

        func run() async throws {
            let start = since.flatMap { Self.time($0, now: Date()) }
            try await client.connected { session in
                var answer = TrailLookUpResponse()
                answer.events = try await Pages.all(limit: paging.count) { token in
                    var request = TrailLookUpRequest()
                    request.attributeName = filters.first?.name ?? ""
                    request.attributeValue = filters.first?.value ?? ""
                    request.startTimeUs = start ?? 0
                    request.pageSize = paging.pageSize
                    request.pageToken = token
                    let page = try await session.trail.lookUp(request, options: session.options)
                    return (page.events, page.nextPageToken)
                }
                if client.json { return try JSONOutput.print(answer) }
                Console.print(TrailCommand.table(answer.events).render(.output))
            }
        }

        /// Microseconds since 1970.
        static func time(_ text: String, now: Date) -> Int64? {
            if let match = text.wholeMatch(of: /([0-9]{1,6})([smhd])/), let count = Double(match.1)
            {
                let units: [Substring: Double] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
                let seconds = count * (units[match.2] ?? 1)
                return Int64((now.timeIntervalSince1970 - seconds) * 1_000_000)
            }
            guard let date = try? Date(text, strategy: .iso8601) else { return nil }
            return Int64(date.timeIntervalSince1970 * 1_000_000)
        }
    }

    static func table(_ events: [TrailRecordedEvent]) -> Table {
        var table = Table(
            [
                .text("Time"), .text("Event"), .wide("Who"), .extra("Source"), .extra("Resource"),
                .wide("Result"),
            ], whenEmpty: "No events.")
        for recorded in events {
            let event = recorded.event
            table.add([
                Format.time(recorded.eventTimeUs), event.eventName,
                event.actor.userName.isEmpty ? event.actor.principalID : event.actor.userName,
                event.eventSource.replacing(".amazonaws.com", with: ""),
                event.resources.first?.arn ?? "",
                event.errorCode.isEmpty ? "ok" : "refused: \(event.errorCode)",
            ])
        }
        return table
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print events as CloudTrail records, one JSON object a line, oldest first.")

        @OptionGroup var client: ClientOptions
        @Option(help: ArgumentHelp("Only events after this sequence number.", valueName: "number"))
        var after: UInt64 = 0
        @Option(
            help: ArgumentHelp("Where to write them; default: standard output.", valueName: "file"))
        var output: String?

        func run() async throws {
            try await client.connected { session in
                let sink = try LineSink(output)
                var request = TrailExportRequest()
                request.afterSequence = after
                var count = 0
                var last = after
                for try await part in try await session.trail.export(request) {
                    for event in part.events { try sink.write(event.cloudtrailJson) }
                    count += part.events.count
                    last = part.events.last?.sequence ?? last
                }
                try sink.close()
                Console.note("\(Format.count(count)) events, up to sequence number \(last).")
            }
        }
    }
}

/// Writes lines to standard output or a new file.
struct LineSink {
    private let file: FileHandle

    /// Throws `CommandFailure` when the file exists or cannot be made.
    init(_ path: String?) throws {
        guard let path else {
            file = .standardOutput
            return
        }
        guard !FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure("\(path) exists already.", hint: "Choose another --output.")
        }
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else {
            throw CommandFailure("\(path) cannot be written.", hint: "Choose another --output.")
        }
        self.file = file
    }

    /// A reader that has gone away ends the command quietly.
    func write(_ line: String) throws {
        do {
            try file.write(contentsOf: Data((line + "\n").utf8))
        } catch {
            if file === FileHandle.standardOutput { throw ExitCode.success }
            throw CommandFailure("The file cannot be written.", hint: "Is the disk full?")
        }
    }

    func close() throws { if file !== FileHandle.standardOutput { try file.close() } }
}
