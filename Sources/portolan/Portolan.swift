import ArgumentParser
import Foundation

/// The command line of Portolan.
@main
struct Portolan: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "portolan",
        abstract: "A workforce identity centre that survives the loss of a Region.",
        discussion: """
            Every command explains itself with --help. Commands that talk to a Region take \
            --context, --region and --json. Shell completion: \
            portolan --generate-completion-script bash|zsh|fish.
            """,
        version: version,
        subcommands: [],
        groupedSubcommands: [
            CommandGroup(
                name: "Running a Region",
                subcommands: [
                    PKICommand.self, ServeCommand.self, HealthCommand.self, RPCCommand.self,
                    LogCommand.self,
                ]),
            CommandGroup(
                name: "The instance and its Regions",
                subcommands: [
                    ContextCommand.self, StatusCommand.self, InstanceCommand.self,
                    RegionCommand.self, KeyCommand.self,
                ]),
            CommandGroup(
                name: "People and what they may reach",
                subcommands: [
                    UserCommand.self, GroupCommand.self, AccountCommand.self,
                    PermissionSetCommand.self, AssignmentCommand.self, ApplicationCommand.self,
                    AccessCommand.self,
                ]),
            CommandGroup(
                name: "Sign-in and audit",
                subcommands: [
                    ScimTokenCommand.self, SessionCommand.self, BreakGlassCommand.self,
                    CredentialsCommand.self, TrailCommand.self,
                ]),
        ])

    /// Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration.
    static func main() async {
        do {
            var command = try parsed()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Foundation.exit(report(error))
        }
    }

    /// Services hold what they touch at their start: `serve` is read without making the tree of all
    /// other commands. What is wrong with it is for the root to explain.
    private static func parsed() throws -> any ParsableCommand {
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.first == "serve",
            let serve = try? ServeCommand.parse(Array(arguments.dropFirst()))
        {
            return serve
        }
        return try parseAsRoot()
    }

    /// Says what went wrong and gives the exit code.
    private static func report(_ error: any Error) -> Int32 {
        if let error = error as? ExitCode { return error.rawValue }
        let code = exitCode(for: error)
        if code == .success {
            Console.print(fullMessage(for: error))
            return 0
        }
        if code == .validationFailure {
            Console.note(fullMessage(for: error))
            return 2
        }
        let failure = ErrorText.failure(error)
        Console.note("Error: \(failure.message)")
        if !failure.hint.isEmpty { Console.note(failure.hint) }
        return failure.exitCode
    }
}
