import ArgumentParser
import Contracts
import SwiftProtobuf

/// Alias names as people write them.
enum AliasNames {
    /// "alias/<name>", also for a bare name.
    static func full(_ name: String) -> String {
        name.hasPrefix("alias/") ? name : "alias/\(name)"
    }

    /// All aliases of a Region.
    static func all(
        _ session: RegionSession
    ) async throws -> [KeysListAliasesResponse.Alias] {
        try await Pages.all { token in
            let page = try await session.keys.listAliases(
                .with {
                    $0.pageSize = 1_000
                    $0.pageToken = token
                }, options: session.options)
            return (page.aliases, page.nextPageToken)
        }
    }

    static func create(_ name: String, key: String, _ session: RegionSession) async throws {
        var request = KeysCreateAliasRequest()
        request.aliasName = full(name)
        request.targetKeyID = key
        _ = try await session.keys.createAlias(request, options: session.options)
    }
}

extension KeyCommand {
    /// Aliases, which each Region has for itself.
    struct Alias: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List and change aliases.",
            subcommands: [Create.self, Update.self, List.self, Delete.self])

        struct Create: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Give a key an alias.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "alias/<name>.") var alias: String
            @Option(help: ArgumentHelp("Key ID or ARN.", valueName: "key")) var key: String

            func run() async throws {
                try await client.connected { session in
                    try await AliasNames.create(alias, key: key, session)
                    if client.json { return try JSONOutput.print(KeysCreateAliasResponse()) }
                    Console.print("\(AliasNames.full(alias)) is \(key) in \(session.region).")
                }
            }
        }

        struct Update: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Let an alias name another key of the same kind.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "alias/<name>.") var alias: String
            @Option(help: ArgumentHelp("Key ID or ARN.", valueName: "key")) var key: String

            func run() async throws {
                try await client.connected { session in
                    var request = KeysUpdateAliasRequest()
                    request.aliasName = AliasNames.full(alias)
                    request.targetKeyID = key
                    let answer = try await session.keys.updateAlias(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print("\(request.aliasName) is \(key) in \(session.region).")
                }
            }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "List the Region's aliases.")

            @OptionGroup var client: ClientOptions

            func run() async throws {
                try await client.connected { session in
                    var answer = KeysListAliasesResponse()
                    answer.aliases = try await AliasNames.all(session)
                    if client.json { return try JSONOutput.print(answer) }
                    var table = Table([.wide("Alias"), .text("Key ID")], whenEmpty: "No aliases.")
                    for alias in answer.aliases { table.add([alias.aliasName, alias.targetKeyID]) }
                    Console.print(table.render(.output))
                }
            }
        }

        struct Delete: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Remove an alias; the key stays.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "alias/<name>.") var alias: String

            func run() async throws {
                try await client.connected { session in
                    var request = KeysDeleteAliasRequest()
                    request.aliasName = AliasNames.full(alias)
                    let answer = try await session.keys.deleteAlias(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print("Removed \(request.aliasName) in \(session.region).")
                }
            }
        }
    }
}
