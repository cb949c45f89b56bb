import ArgumentParser

/// The load generator of `make bench`. Prints one JSON object per measurement.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "portolan-bench", abstract: "Measure a running Region.",
        subcommands: [
            FillCommand.self, GetUserCommand.self, EchoCommand.self, CallsCommand.self,
            LogCommand.self, LagCommand.self, HTTPSCommand.self, RevokeCommand.self,
            IdleCommand.self, PolicyCommand.self, PausesCommand.self,
        ])
}
