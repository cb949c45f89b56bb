import ArgumentParser
import Contracts
import SwiftProtobuf

extension KeyCommand {
    /// Tags, which each Region has for itself.
    struct Tag: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tag keys.", subcommands: [Add.self, Remove.self, List.self])

        struct Add: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Add or replace tags.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String
            @Argument(help: "key=value.") var tags: [String]

            func run() async throws {
                let tags = try KeyTagPairs.parse(tags)
                try await client.connected { session in
                    var request = KeysTagResourceRequest()
                    request.keyID = try await KeyLookup.id(key, session)
                    request.tags = tags
                    let answer = try await session.keys.tagResource(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print("Tagged \(request.keyID) in \(session.region).")
                }
            }
        }

        struct Remove: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Remove tags.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String
            @Argument(help: "Keys of the tags.") var names: [String]

            func run() async throws {
                try await client.connected { session in
                    var request = KeysUntagResourceRequest()
                    request.keyID = try await KeyLookup.id(key, session)
                    request.tagKeys = names
                    let answer = try await session.keys.untagResource(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print("Removed tags of \(request.keyID) in \(session.region).")
                }
            }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "List a key's tags.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String

            func run() async throws {
                try await client.connected { session in
                    var request = KeysListResourceTagsRequest()
                    request.keyID = try await KeyLookup.id(key, session)
                    let answer = try await session.keys.listResourceTags(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    var table = Table([.text("Key"), .wide("Value")], whenEmpty: "No tags.")
                    for tag in answer.tags { table.add([tag.key, tag.value]) }
                    Console.print(table.render(.output))
                }
            }
        }
    }

    struct Describe: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a key's description in the Region that is asked.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Key ID, ARN or alias.") var key: String
        @Argument(help: "Description.") var text: String

        func run() async throws {
            try await client.connected { session in
                var request = KeysUpdateKeyDescriptionRequest()
                request.keyID = try await KeyLookup.id(key, session)
                request.description_p = text
                let answer = try await session.keys.updateKeyDescription(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Changed the description of \(request.keyID) in \(session.region).")
            }
        }
    }
}

/// Tags given as key=value.
enum KeyTagPairs {
    static func parse(_ texts: [String]) throws -> [KeysTag] {
        try Pairs.parse(texts).sorted { $0.key < $1.key }.map { name, value in
            .with {
                $0.key = name
                $0.value = value
            }
        }
    }
}
