import ArgumentParser
import Contracts
import Foundation
import SwiftProtobuf

/// Access while the identity provider is away.
struct BreakGlassCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "break-glass",
        abstract: "Set up, watch and review access while the identity provider is away.",
        subcommands: [
            Create.self, List.self, Show.self, Update.self, Disable.self, Enable.self,
            Delete.self, Enrol.self, RemoveKey.self, Grants.self, Review.self, Revoke.self,
        ])

    /// What a user may do, as options.
    struct Terms: ParsableArguments {
        @Option(
            help: ArgumentHelp(
                "A role that may be taken; repeat it for more.",
                valueName: "account/permission-set"))
        var role: [String] = []
        @Option(help: ArgumentHelp("Longest grant, 15 to 240.", valueName: "minutes"))
        var maxMinutes: UInt32?
        @Option(help: ArgumentHelp("Shown name.", valueName: "name")) var displayName: String?
        @Option(
            help: ArgumentHelp(
                "The person's name as an operator, who then reviews none of their grants.",
                valueName: "name"))
        var `operator`: String?

        func validate() throws {
            if let maxMinutes, !(15...240).contains(maxMinutes) {
                throw ValidationError("--max-minutes must be within 15 to 240.")
            }
            _ = try roles
        }

        var roles: [PortalBreakGlassRole] {
            get throws {
                try role.map { text in
                    let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
                    guard parts.count == 2 else {
                        throw ValidationError(
                            "--role is an account's ID and a permission set's name with a slash "
                                + "between, as in 111122223333/AdministratorAccess.")
                    }
                    return .with {
                        $0.accountID = parts[0]
                        $0.permissionSetName = parts[1]
                    }
                }
            }
        }
    }

    static func facts(_ user: PortalBreakGlassUser) -> String {
        var facts = Facts()
        facts.add("Name", user.name)
        facts.add("User ID", user.userID)
        facts.add("Shown name", user.displayName)
        facts.add("Operator", user.operatorName)
        facts.add("Enabled", Format.yesNo(user.enabled))
        facts.add("Longest grant", Format.duration(microseconds: longest(user)))
        for role in user.roles { facts.add("Role", "\(role.accountID)/\(role.permissionSetName)") }
        for key in user.keys { facts.add("Security key", describe(key)) }
        if user.openEnrolments > 0 { facts.add("Open links", String(user.openEnrolments)) }
        facts.add("Created", "\(Format.time(user.createdAtUs)) by \(user.createdBy)")
        return facts.render()
    }

    static func longest(_ user: PortalBreakGlassUser) -> Int64 {
        Int64(user.maxGrantSeconds) * 1_000_000
    }

    /// The credential's ID as `remove-key` takes it.
    static func text(_ credentialID: Data) -> String {
        credentialID.base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }

    private static func describe(_ key: PortalSecurityKey) -> String {
        let algorithm =
            switch key.algorithm {
            case -7: "ES256"
            case -8: "EdDSA"
            case -257: "RS256"
            default: "COSE \(key.algorithm)"
            }
        return "\(text(key.credentialID)) (\(algorithm), for \(key.rpID), "
            + "\(Format.time(key.createdAtUs)), link of \(key.enrolledBy))"
    }

    static func show(_ links: [PortalSecurityKeyEnrolment]) {
        guard !links.isEmpty else { return }
        for link in links { Console.print(link.url) }
        Console.note(
            "Each link enrols one security key, once, until \(Format.time(links[0].expiresAtUs)). "
                + "Give them to the person on a safe way; they are not shown again.")
    }
}

extension RegionSession {
    /// A break-glass user by name or ID.
    func breakGlassUser(_ nameOrID: String) async throws -> PortalBreakGlassUser {
        let users = try await breakGlass.listBreakGlassUsers(
            PortalListBreakGlassUsersRequest(), options: options
        ).users
        let name = nameOrID.lowercased()
        guard
            let user = users.first(where: { $0.userID == nameOrID || $0.name.lowercased() == name })
        else { throw CommandFailure("There is no break-glass user \(nameOrID).") }
        return user
    }
}
