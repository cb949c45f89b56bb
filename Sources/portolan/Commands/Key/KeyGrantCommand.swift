import ArgumentParser
import Contracts
import SwiftProtobuf

extension KeyCommand {
    /// Permissions for single principals, which each Region has for itself.
    struct Grant: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let single principals use a key.",
            subcommands: [Create.self, List.self, Revoke.self, Retire.self])

        struct Create: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Make a grant.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String
            @Option(help: ArgumentHelp("ARN or service.", valueName: "principal"))
            var grantee: String
            @Option(
                parsing: .upToNextOption,
                help: ArgumentHelp("Decrypt, Encrypt, …", valueName: "operation"))
            var operation: [String]
            @Option(help: ArgumentHelp("ARN that may retire it.", valueName: "principal"))
            var retiring = ""
            @Option(help: ArgumentHelp("Name; makes repeating safe.", valueName: "name"))
            var name = ""
            @Option(
                help: ArgumentHelp(
                    "The encryption context has at least this pair.", valueName: "key=value"))
            var contextSubset: [String] = []
            @Option(
                help: ArgumentHelp(
                    "The encryption context is exactly these pairs.", valueName: "key=value"))
            var contextEquals: [String] = []

            func run() async throws {
                var request = KeysCreateGrantRequest()
                request.granteePrincipal = grantee
                request.retiringPrincipal = retiring
                request.operations = operation
                request.name = name
                request.constraints.encryptionContextSubset = try Pairs.parse(contextSubset)
                request.constraints.encryptionContextEquals = try Pairs.parse(contextEquals)
                let draft = request
                try await client.connected { session in
                    var request = draft
                    request.keyID = try await KeyLookup.id(key, session)
                    let answer = try await session.keys.createGrant(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print("Made the grant \(answer.grantID) in \(session.region).")
                }
            }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "List a key's grants.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String

            func run() async throws {
                try await client.connected { session in
                    let keyID = try await KeyLookup.id(key, session)
                    var answer = KeysListGrantsResponse()
                    answer.grants = try await Pages.all { token in
                        let page = try await session.keys.listGrants(
                            .with {
                                $0.keyID = keyID
                                $0.pageSize = 1_000
                                $0.pageToken = token
                            }, options: session.options)
                        return (page.grants, page.nextPageToken)
                    }
                    if client.json { return try JSONOutput.print(answer) }
                    var table = Table(
                        [
                            .wide("Grant ID"), .wide("Grantee"), .wide("Operations"),
                            .text("Constrained"), .text("Name"), .extra("Created"),
                        ], whenEmpty: "No grants.")
                    for grant in answer.grants {
                        table.add([
                            grant.grantID, grant.granteePrincipal,
                            grant.operations.joined(separator: ", "),
                            Format.yesNo(grant.hasConstraints), grant.name,
                            Format.time(grant.createdAtUs),
                        ])
                    }
                    Console.print(table.render(.output))
                }
            }
        }

        struct Revoke: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Take a grant back.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String
            @Argument(help: "Grant ID.") var grant: String

            func run() async throws {
                try await client.connected { session in
                    var request = KeysRevokeGrantRequest()
                    request.keyID = try await KeyLookup.id(key, session)
                    request.grantID = grant
                    let answer = try await session.keys.revokeGrant(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print("Took the grant \(grant) back in \(session.region).")
                }
            }
        }

        struct Retire: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Give a grant up, as its retiring principal or grantee.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Grant token.") var token: String

            func run() async throws {
                try await client.connected { session in
                    let answer = try await session.keys.retireGrant(
                        .with { $0.grantToken = token }, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print("The grant is retired in \(session.region).")
                }
            }
        }
    }
}

/// Pairs given as key=value.
enum Pairs {
    /// Throws `ValidationError` for a text without "=" or a key that is there twice.
    static func parse(_ texts: [String]) throws -> [String: String] {
        var pairs: [String: String] = [:]
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw ValidationError("\(text) is not key=value.")
            }
            guard pairs.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw ValidationError("\(parts[0]) is there twice.")
            }
        }
        return pairs
    }
}
