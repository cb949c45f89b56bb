import ArgumentParser
import Contracts
import SwiftProtobuf

extension KeyCommand {
    /// New material for symmetric keys, asked for in the primary key's Region.
    struct Rotation: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Rotate keys by themselves or now, and see what was rotated.",
            subcommands: [Enable.self, Disable.self, Now.self, Show.self])

        struct Enable: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Rotate a key by itself from now on.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String
            @Option(help: ArgumentHelp("Days, 90 to 2560.", valueName: "days"))
            var period: UInt32 = 365

            func run() async throws {
                try await client.connected { session in
                    var request = KeysEnableKeyRotationRequest()
                    request.keyID = try await KeyLookup.id(key, session)
                    request.rotationPeriodDays = period
                    let answer = try await session.keys.enableKeyRotation(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print("\(request.keyID) is rotated every \(period) days.")
                }
            }
        }

        struct Disable: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Rotate a key no longer by itself.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String

            func run() async throws {
                try await client.connected { session in
                    var request = KeysDisableKeyRotationRequest()
                    request.keyID = try await KeyLookup.id(key, session)
                    let answer = try await session.keys.disableKeyRotation(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print("\(request.keyID) is not rotated by itself.")
                }
            }
        }

        struct Now: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Give a key new material; old ciphertext stays readable.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String

            func run() async throws {
                try await client.connected { session in
                    var request = KeysRotateKeyOnDemandRequest()
                    request.keyID = try await KeyLookup.id(key, session)
                    let answer = try await session.keys.rotateKeyOnDemand(
                        request, options: session.options)
                    if client.json { return try JSONOutput.print(answer) }
                    Console.print(
                        "\(request.keyID) has new material, used as soon as every Region has it.")
                }
            }
        }

        struct Show: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Show whether a key is rotated, and each version of its material.")

            @OptionGroup var client: ClientOptions
            @Argument(help: "Key ID, ARN or alias.") var key: String

            func run() async throws {
                try await client.connected { session in
                    let keyID = try await KeyLookup.id(key, session)
                    let status = try await session.keys.getKeyRotationStatus(
                        .with { $0.keyID = keyID }, options: session.options)
                    var answer = KeysListKeyRotationsResponse()
                    answer.rotations = try await Pages.all { token in
                        let page = try await session.keys.listKeyRotations(
                            .with {
                                $0.keyID = keyID
                                $0.includeKeyMaterial = true
                                $0.pageSize = 1_000
                                $0.pageToken = token
                            }, options: session.options)
                        return (page.rotations, page.nextPageToken)
                    }
                    if client.json { return try JSONOutput.print(answer) }
                    var facts = Facts()
                    facts.add(
                        "Rotated by itself",
                        status.rotationEnabled
                            ? "every \(status.rotationPeriodDays) days, next "
                                + Format.time(status.nextRotationAtUs) : "no")
                    Console.print(facts.render() + "\n")
                    Console.print(Self.table(answer.rotations).render(.output))
                }
            }

            private static func table(
                _ rotations: [KeysListKeyRotationsResponse.Rotation]
            ) -> Table {
                var table = Table(
                    [
                        .wide("Material ID"), .text("Since"), .text("Why"), .text("Use"),
                        .text("Expires"), .extra("Description"),
                    ], whenEmpty: "No material yet.")
                for rotation in rotations {
                    let use =
                        rotation.pending
                        ? "waits for a Region"
                        : rotation.current ? "new ciphertext" : "old ciphertext"
                    table.add([
                        rotation.keyMaterialID, Format.time(rotation.rotatedAtUs),
                        rotation.rotationType == .unspecified
                            ? "first" : Format.name(rotation.rotationType),
                        use, Format.time(rotation.validToUs), rotation.keyMaterialDescription,
                    ])
                }
                return table
            }
        }
    }
}
