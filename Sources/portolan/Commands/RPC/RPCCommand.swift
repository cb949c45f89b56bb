import ArgumentParser
import ServiceKit

/// The services by their methods, for whoever debugs or watches them.
struct RPCCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rpc", abstract: "Call any method, list methods, watch calls.",
        subcommands: [RPCCallCommand.self, RPCListCommand.self, RPCTopCommand.self])
}

extension ServiceName {
    /// An argument of a command.
    static func argument(_ text: String) throws -> ServiceName {
        guard let name = ServiceName(rawValue: text) else {
            throw ValidationError(
                "\(text) is not a service: \(allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return name
    }
}
