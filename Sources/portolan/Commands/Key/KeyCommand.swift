import AccessPolicy
import ArgumentParser
import Contracts

/// Keys that encrypt the instance.
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make, replicate and inspect keys, Region by Region.",
        subcommands: [
            Create.self, List.self, Show.self, Enable.self, Disable.self, Replicate.self,
            UpdatePrimary.self, Related.self, Usage.self, ScheduleDeletion.self,
            CancelDeletion.self, Describe.self, Policy.self, Alias.self, Tag.self, Grant.self,
            Rotation.self, Import.self, Store.self,
        ])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key: symmetric, unless --spec says otherwise.")

        @OptionGroup var client: ClientOptions
        @Flag(help: "A key that can be replicated to other Regions.") var multiRegion = false
        @OptionGroup var policy: PolicySource
        @Option(help: ArgumentHelp("Alias, alias/<name>.", valueName: "alias")) var alias: String?
        @Option(help: ArgumentHelp("Description.", valueName: "text")) var description = ""
        @Option(help: "SYMMETRIC_DEFAULT, RSA_2048, ECC_NIST_P256, HMAC_256, …")
        var spec = KeySpecName.symmetric
        @Option(help: "Default: what the spec is for; RSA may also be for SIGN_VERIFY.")
        var usage: KeyUsageName?
        @Option(help: "portolan or external, whose material is imported.")
        var origin = KeyOriginName.portolan
        @Option(help: ArgumentHelp("Tag.", valueName: "key=value")) var tag: [String] = []

        func run() async throws {
            let tags = try KeyTagPairs.parse(tag)
            try await client.connected { session in
                var request = KeysCreateKeyRequest()
                request.keySpec = spec.value
                request.keyUsage = usage?.value ?? spec.usage
                request.origin = origin == .external ? .external : .awsKms
                request.tags = tags
                request.multiRegion = multiRegion
                request.description_p = description
                request.policy = try await policy.document(session)
                let answer = try await session.keys.createKey(request, options: session.options)
                if let alias {
                    try await AliasNames.create(
                        alias, key: answer.keyMetadata.keyID, session)
                }
                if client.json { return try JSONOutput.print(answer) }
                let kind = multiRegion ? "multi-Region key" : "key"
                let next =
                    policy.isDefault
                    ? "Its policy does not let the services use it yet: portolan key policy put "
                        + "\(answer.keyMetadata.keyID) --baseline-policy"
                    : "Use it: portolan instance update --kms-key \(answer.keyMetadata.keyID)"
                Console.print(
                    "Made the \(kind) \(answer.keyMetadata.keyID) in \(session.region).\n\(next)")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the Region's keys.")

        @OptionGroup var client: ClientOptions
        @Flag(help: "Also the keys the system made for itself.") var serviceManaged = false

        func run() async throws {
            try await client.connected { session in
                var answer = KeysListKeysResponse()
                answer.keys = try await Pages.all { token in
                    var request = KeysListKeysRequest()
                    request.pageSize = 1_000
                    request.pageToken = token
                    request.includeServiceManaged = serviceManaged
                    let page = try await session.keys.listKeys(request, options: session.options)
                    return (page.keys, page.nextPageToken)
                }
                if client.json { return try JSONOutput.print(answer) }
                let aliases = try await AliasNames.all(session)
                var table = Table(
                    [
                        .text("Key ID"), .text("State"), .text("Multi-Region"),
                        .text("Replicas"), .wide("Aliases"), .extra("Description"),
                    ], whenEmpty: "No keys. Make one: portolan key create --multi-region")
                for key in answer.keys {
                    table.add([
                        key.keyID, Format.name(key.keyState), KeyCommand.multiRegion(key),
                        key.replicaKeys.map(\.region).sorted().joined(separator: ", "),
                        aliases.filter { $0.targetKeyID == key.keyID }.map(\.aliasName)
                            .joined(separator: ", "),
                        key.description_p,
                    ])
                }
                Console.print(table.render(.output))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a key.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Key ID, ARN or alias.") var key: String

        func run() async throws {
            try await client.connected { session in
                var request = KeysDescribeKeyRequest()
                request.keyID = key
                let answer = try await session.keys.describeKey(request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                let key = answer.keyMetadata
                var facts = Facts()
                facts.add("Key ID", key.keyID)
                facts.add("ARN", key.arn)
                facts.add("State", Format.name(key.keyState))
                facts.add("Kind", "\(Format.name(key.keySpec)), \(Format.name(key.keyUsage))")
                facts.add("Multi-Region", KeyCommand.multiRegion(key))
                facts.add("Primary", key.primaryKey.region)
                facts.add("Replicas", key.replicaKeys.map(\.region).joined(separator: ", "))
                facts.add("Description", key.description_p)
                facts.add("Material", KeyCommand.material(key))
                facts.add("Made by the system", key.serviceManaged ? "yes" : "")
                facts.add("Created", Format.time(key.createdAtUs))
                if key.deletionAtUs > 0 { facts.add("Deleted on", Format.time(key.deletionAtUs)) }
                Console.print(facts.render())
            }
        }
    }

    private static func material(_ key: KeysKeyMetadata) -> String {
        guard key.origin == .external else { return key.currentKeyMaterialID }
        guard key.expirationModel != .unspecified else { return "to be imported" }
        return key.validToUs > 0
            ? "imported, expires \(Format.time(key.validToUs))" : "imported, does not expire"
    }

    static func multiRegion(_ key: KeysKeyMetadata) -> String {
        guard key.multiRegion else { return "no" }
        return key.multiRegionKeyType == .replica ? "replica" : "primary"
    }
}
