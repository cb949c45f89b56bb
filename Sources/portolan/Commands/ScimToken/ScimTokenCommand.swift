import ArgumentParser
import Contracts

/// Bearer tokens of the identity provider's SCIM client.
struct ScimTokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scim-token", abstract: "Make and remove tokens for SCIM provisioning.",
        subcommands: [Create.self, List.self, Delete.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token. Its secret is shown this once.")

        @OptionGroup var client: ClientOptions
        @Option(help: ArgumentHelp("Days it is valid, 1 to 365.", valueName: "days"))
        var validDays: UInt32 = 365

        func run() async throws {
            try await client.connected { session in
                var request = PortalCreateScimTokenRequest()
                request.validDays = validDays
                let answer = try await session.scimTokens.createScimToken(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                var facts = Facts()
                facts.add("Endpoint", answer.endpoint)
                facts.add("Token", answer.secret)
                facts.add("Token ID", answer.token.tokenID)
                facts.add("Expires", Format.time(answer.token.expiresAtUs))
                Console.print(facts.render())
                Console.note("The token is not shown again.")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the tokens.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.connected { session in
                let answer = try await session.scimTokens.listScimTokens(
                    PortalListScimTokensRequest(), options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                var table = Table(
                    [.text("Token ID"), .text("Created"), .text("Expires"), .text("Last used")],
                    whenEmpty: "No tokens.")
                for token in answer.tokens {
                    table.add([
                        token.tokenID, Format.time(token.createdAtUs),
                        Format.time(token.expiresAtUs), Format.time(token.lastUsedAtUs),
                    ])
                }
                Console.print(table.render(.output))
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a token; it is refused from then on.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The token's ID.") var tokenID: String

        func run() async throws {
            try await client.connected { session in
                var request = PortalDeleteScimTokenRequest()
                request.tokenID = tokenID
                let answer = try await session.scimTokens.deleteScimToken(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Removed \(tokenID).")
            }
        }
    }
}
