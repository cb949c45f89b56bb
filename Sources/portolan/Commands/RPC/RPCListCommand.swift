import ArgumentParser
import RPC
import ServiceKit

/// Lists what a running service offers.
struct RPCListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the methods of running services, as they tell them.")

    @Argument(help: "directory, permission, keys, coordinator or portal. Default: all.")
    var services: [String] = []

    @OptionGroup var client: ClientOptions

    func run() async throws {
        let names = try services.isEmpty ? ServiceName.allCases : services.map(ServiceName.argument)
        let methods = try await client.connected { session in
            var all: [ReflectedServices.Method] = []
            for name in names {
                all += try await ReflectedServices.ask(
                    try session.channel(name), options: session.options)
            }
            return all
        }
        var seen: Set<String> = []
        let distinct = methods.filter { seen.insert("\($0.service)/\($0.method)").inserted }
        if client.json { return try JSONOutput.print(distinct) }
        var table = Table([.text("Method"), .wide("Messages")])
        for method in distinct { table.add(["\(method.service)/\(method.method)", method.shape]) }
        Console.print(table.render(.output))
    }
}
