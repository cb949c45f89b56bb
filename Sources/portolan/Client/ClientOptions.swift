import ArgumentParser
import Foundation
import RPC
import ServiceKit

/// What every command that talks to a Region accepts.
struct ClientOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Operator context: addresses and identity. Default: $PORTOLAN_CONTEXT, then "
                + "~/.config/portolan/context.json.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var context: String?

    @Option(help: ArgumentHelp("The Region to ask.", valueName: "region"))
    var region: String?

    @Flag(help: "Print the answer as JSON.")
    var json = false

    @Option(help: ArgumentHelp("Seconds to wait for an answer, 1 to 120.", valueName: "seconds"))
    var timeout = 30

    func validate() throws {
        guard (1...120).contains(timeout) else {
            throw ValidationError("--timeout must be within 1 to 120.")
        }
    }

    var call: CallOptions { CallOptions(timeout: .seconds(timeout)) }

    /// Runs a command's work with connections that are closed afterwards.
    func connected<Result: Sendable>(
        _ body: (RegionSession) async throws -> Result
    ) async throws -> Result {
        let path = context ?? OperatorContext.defaultPath(ProcessInfo.processInfo.environment)
        let context = try OperatorContext.load(path)
        let region = self.region ?? context.region
        _ = try context.addresses(of: .coordinator, in: region)
        let channels = try OperatorChannels(context)
        let session = RegionSession(
            context: context, region: region, channels: channels, options: call)
        do {
            let result = try await following(session, body)
            await channels.close()
            return result
        } catch {
            await channels.close()
            throw error
        }
    }

    /// Goes to the primary when the Region that is asked by default is not it any more. Nothing has
    /// happened where that was refused. A Region named on the command line is asked and no other.
    private func following<Result: Sendable>(
        _ session: RegionSession, _ body: (RegionSession) async throws -> Result
    ) async throws -> Result {
        do {
            return try await body(session)
        } catch let error as RPCError where error.reason == "NOT_PRIMARY" && region == nil {
            guard let primary = error.metadata["primary-region"],
                let other = try? session.other(primary)
            else { throw error }
            Console.note("\(primary) is the primary Region; asked there.")
            return try await body(other)
        }
    }
}
