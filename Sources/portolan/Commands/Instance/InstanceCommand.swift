import ArgumentParser
import Contracts
import Foundation

/// The instance and its settings.
struct InstanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "instance", abstract: "Make and change the instance.",
        subcommands: [
            Create.self, Show.self, Update.self, RotateDataKeys.self, SetIdP.self, Metadata.self,
        ])

    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case organization, account

        var value: CoordinatorInstanceKind { self == .organization ? .organization : .account }
    }

    enum Source: String, ExpressibleByArgument, CaseIterable {
        case externalIdP = "external-idp"
        case identityCenterDirectory = "identity-center-directory"
        case activeDirectory = "active-directory"

        var value: CoordinatorIdentitySource {
            switch self {
            case .externalIdP: .externalIdp
            case .identityCenterDirectory: .identityCenterDirectory
            case .activeDirectory: .activeDirectory
            }
        }
    }

    static func show(_ answer: CoordinatorGetInstanceResponse) {
        let instance = answer.instance
        var facts = Facts()
        facts.add("Instance", instance.instanceArn)
        facts.add("Name", instance.name)
        facts.add("Kind", Format.name(instance.kind))
        facts.add("Identity store", instance.identityStoreID)
        facts.add("Identity source", Format.name(instance.identitySource))
        if answer.hasIdentityProvider {
            facts.add("Identity provider", answer.identityProvider.entityID)
            facts.add("Sign-in URL", answer.identityProvider.signInURL)
        }
        facts.add("Account", instance.ownerAccountID)
        facts.add("Organization", instance.organizationID)
        facts.add("Primary Region", instance.primaryRegion)
        facts.add("Regions", answer.regions.map(\.name).joined(separator: ", "))
        facts.add("Encryption key", encryption(instance.encryption))
        if let progress = resealing(instance.encryption) { facts.add("Sealing anew", progress) }
        facts.add("Session duration", "\(instance.sessionDurationSeconds) s")
        facts.add("Administrators", instance.administratorGroupID)
        facts.add("Created", Format.time(instance.createdAtUs))
        facts.add("Asked", answer.region)
        Console.print(facts.render())
    }

    private static func encryption(_ encryption: CoordinatorEncryption) -> String {
        guard !encryption.kmsKeyArn.isEmpty else { return "the Region's service key" }
        let kind = encryption.multiRegion ? "multi-Region" : "single-Region"
        let reason = encryption.statusReason.isEmpty ? "" : ": \(encryption.statusReason)"
        let progress =
            encryption.status == .updating
            ? ", \(encryption.dataKeysDone) of \(encryption.dataKeys) data keys" : ""
        return
            "\(encryption.kmsKeyArn) (\(kind), \(Format.name(encryption.status))\(progress)\(reason))"
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the instance; the Region that is asked becomes its primary.")

        @OptionGroup var client: ClientOptions
        @Option(help: ArgumentHelp("The instance's name.", valueName: "name")) var name = ""
        @Option(help: "organization or account.") var kind = Kind.organization
        @Option(help: "external-idp, identity-center-directory or active-directory.")
        var identitySource = Source.identityCenterDirectory

        func run() async throws {
            try await client.connected { session in
                var request = CoordinatorCreateInstanceRequest()
                request.name = name
                request.kind = kind.value
                request.identitySource = identitySource.value
                let answer = try await session.instance.createInstance(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "Made \(answer.instance.instanceArn) with primary Region "
                        + "\(answer.instance.primaryRegion).")
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the instance.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.connected { session in
                let answer = try await session.instance.getInstance(
                    CoordinatorGetInstanceRequest(), options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                InstanceCommand.show(answer)
            }
        }
    }

    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change settings; what is not named stays.")

        @OptionGroup var client: ClientOptions
        @Option(help: ArgumentHelp("New name.", valueName: "name")) var name: String?
        @Option(
            help: ArgumentHelp("Customer managed key: ID, ARN or alias.", valueName: "key"))
        var kmsKey: String?
        @Option(help: ArgumentHelp("Seconds, 900 to 7776000.", valueName: "seconds"))
        var sessionDuration: UInt32?
        @Option(
            help: ArgumentHelp("Group whose members administer the console.", valueName: "group"))
        var administrators: String?
        @Option(help: "external-idp, identity-center-directory or active-directory.")
        var identitySource: Source?

        func validate() throws {
            if name == nil, kmsKey == nil, sessionDuration == nil, administrators == nil,
                identitySource == nil
            {
                throw ValidationError("Name at least one setting to change.")
            }
        }

        func run() async throws {
            try await client.connected { session in
                var request = CoordinatorUpdateInstanceRequest()
                if let name { request.name = name }
                if let kmsKey {
                    request.kmsKeyID = try await KeyLookup.id(kmsKey, session)
                }
                if let sessionDuration { request.sessionDurationSeconds = sessionDuration }
                if let administrators {
                    request.administratorGroupID =
                        administrators.isEmpty
                        ? "" : try await session.group(administrators).group.groupID
                }
                if let identitySource { request.identitySource = identitySource.value }
                let answer = try await session.instance.updateInstance(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Changed \(answer.instance.instanceArn).")
            }
        }
    }
}
