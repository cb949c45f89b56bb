import ArgumentParser
import Contracts
import RPC
import SwiftProtobuf

/// Ends the alarm about another Region's trail.
struct TrailAcknowledgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "acknowledge",
        abstract: "End the alarm that another Region's trail went back or began anew.",
        discussion:
            "For the Region that is asked, which keeps the alarm: ask each that shows it. What was "
            + "lost stays told by `portolan trail verify`.")

    @OptionGroup var client: ClientOptions
    @Argument(help: ArgumentHelp("Whose trail it is.", valueName: "region")) var other: String
    @Option(
        help: ArgumentHelp(
            "What is known of the cause; stands in the event.", valueName: "text"))
    var note: String

    func run() async throws {
        try await client.connected { session in
            let answer = try await session.trail.acknowledgeTrailProblem(
                .with {
                    $0.region = other
                    $0.note = note
                }, options: session.options)
            if client.json { return try JSONOutput.print(answer) }
            Console.print("Acknowledged in \(session.region): \(answer.problem)")
        }
    }
}
