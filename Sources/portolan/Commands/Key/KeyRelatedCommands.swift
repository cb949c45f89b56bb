import ArgumentParser
import Contracts
import SwiftProtobuf

extension KeyCommand {
    struct Related: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a key in all Regions: state, and how its policies differ.",
            discussion: "Asks one Region, which hears of the others every minute. Exit code 1 when "
                + "a policy differs or a key is not enabled.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Key ID, ARN or alias.") var key: String

        func run() async throws {
            try await client.connected { session in
                let answer = try await session.keys.getRelatedKeys(
                    .with { $0.keyID = key }, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                var table = Table(
                    [
                        .text("Region"), .text("Role"), .text("State"), .text("Policy"),
                        .text("Heard of"),
                    ], whenEmpty: "No related keys.")
                for related in answer.relatedKeys {
                    table.add([
                        related.region, related.primary ? "primary" : "replica",
                        related.heardOfAtUs == 0 ? "-" : Format.name(related.keyState),
                        KeyDrift.policy(related), Format.time(related.heardOfAtUs),
                    ])
                }
                Console.print(table.render(.output))
                let warnings = KeyDrift.warnings(answer, keyID: key, region: session.region)
                for warning in warnings { Console.note(warning) }
                if !warnings.isEmpty { throw ExitCode(1) }
            }
        }
    }

    struct UpdatePrimary: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "update-primary",
            abstract: "Make the replica in another Region the primary key.",
            discussion: "Ask the Region of the present primary key. Both stay usable.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Key ID, ARN or alias.") var key: String
        @Option(help: ArgumentHelp("The replica's Region.", valueName: "region")) var to: String

        func run() async throws {
            try await client.connected { session in
                var request = KeysUpdatePrimaryRegionRequest()
                request.keyID = try await KeyLookup.id(key, session)
                request.primaryRegion = to
                let answer = try await session.keys.updatePrimaryRegion(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("The primary key of \(request.keyID) is in \(to) now.")
            }
        }
    }
}

/// What differs between related keys, in words.
enum KeyDrift {
    static func policy(_ related: KeysGetRelatedKeysResponse.RelatedKey) -> String {
        guard related.heardOfAtUs > 0 else { return "not heard of yet" }
        return related.policyDifferences.isEmpty ? "same" : "differs"
    }

    static func warnings(
        _ answer: KeysGetRelatedKeysResponse, keyID: String, region: String
    ) -> [String] {
        answer.relatedKeys.flatMap { related -> [String] in
            guard related.heardOfAtUs > 0 else { return [] }
            var warnings: [String] = []
            if related.keyState != .enabled, related.keyState != .updating {
                warnings.append(
                    "\(related.region): the key \(keyID) is \(Format.name(related.keyState)).")
            }
            if !related.policyDifferences.isEmpty {
                warnings.append(
                    "\(related.region): the key policy differs from that in \(region). Compare: "
                        + "portolan key policy diff \(keyID) --from \(region) --to "
                        + related.region)
            }
            return warnings
        }
    }

    /// Warnings about the instance's key, as far as it can be asked about.
    static func warnings(
        _ instance: CoordinatorInstance, _ session: RegionSession
    ) async -> [String] {
        let arn = instance.encryption.kmsKeyArn
        guard instance.encryption.multiRegion,
            let keyID = arn.split(separator: "/").last.map(String.init),
            let answer = try? await session.keys.getRelatedKeys(
                .with { $0.keyID = keyID }, options: session.options)
        else { return [] }
        return warnings(answer, keyID: keyID, region: session.region)
    }
}
