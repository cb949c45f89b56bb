import ArgumentParser
import Contracts

extension KeyCommand {
    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Enable a key in the Region that is asked.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Key ID, ARN or alias.") var key: String

        func run() async throws {
            try await client.connected { session in
                var request = KeysEnableKeyRequest()
                request.keyID = try await KeyLookup.id(key, session)
                let answer = try await session.keys.enableKey(request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Enabled \(request.keyID) in \(session.region).")
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Disable a key in the Region that is asked.",
            discussion: "A Region whose instance key is disabled closes within the time that data "
                + "keys are held, and opens again when it is enabled.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Key ID, ARN or alias.") var key: String

        func run() async throws {
            try await client.connected { session in
                var request = KeysDisableKeyRequest()
                request.keyID = try await KeyLookup.id(key, session)
                let answer = try await session.keys.disableKey(request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Disabled \(request.keyID) in \(session.region).")
            }
        }
    }

    struct ScheduleDeletion: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a key after a waiting period.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Key ID, ARN or alias.") var key: String
        @Option(help: ArgumentHelp("Days to wait, 7 to 30.", valueName: "days")) var days: UInt32 =
            30

        func run() async throws {
            try await client.connected { session in
                var request = KeysScheduleKeyDeletionRequest()
                request.keyID = try await KeyLookup.id(key, session)
                request.pendingWindowDays = days
                let answer = try await session.keys.scheduleKeyDeletion(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "\(request.keyID) is deleted on \(Format.time(answer.keyMetadata.deletionAtUs))"
                        + ". Undo: portolan key cancel-deletion \(request.keyID)")
            }
        }
    }

    struct CancelDeletion: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep a key whose deletion was scheduled; it is then disabled.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Key ID or ARN.") var key: String

        func run() async throws {
            try await client.connected { session in
                var request = KeysCancelKeyDeletionRequest()
                request.keyID = key
                let answer = try await session.keys.cancelKeyDeletion(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Kept \(key). Use it again: portolan key enable \(key)")
            }
        }
    }

    struct Replicate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a replica of a multi-Region key in another Region.",
            discussion: "Ask the Region of the primary key. The replica's policy is its own; "
                + "without one it gets the default, which does not let the services use it.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Key ID, ARN or alias.") var key: String
        @Option(help: ArgumentHelp("The other Region.", valueName: "region")) var to: String
        @OptionGroup var policy: PolicySource
        @Option(help: ArgumentHelp("Description.", valueName: "text")) var description = ""

        func run() async throws {
            try await client.connected { session in
                var request = KeysReplicateKeyRequest()
                request.keyID = try await KeyLookup.id(key, session)
                request.replicaRegion = to
                request.policy = try await policy.document(session)
                request.description_p = description
                let answer = try await session.keys.replicateKey(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Made the replica \(answer.replicaKeyMetadata.arn).")
                if policy.isDefault {
                    Console.note(
                        "Its policy does not let the services use it yet: portolan key policy copy "
                            + "\(request.keyID) --from \(session.region) --to \(to)")
                }
            }
        }
    }
}
