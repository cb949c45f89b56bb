import ArgumentParser
import Contracts
import Foundation

extension BreakGlassCommand {
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set somebody up, and make links that enrol their security keys.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Their user name for emergencies.") var name: String
        @OptionGroup var terms: Terms
        @Option(help: ArgumentHelp("Links to make, one for each key, 0 to 4.", valueName: "count"))
        var links: UInt32 = 2

        func validate() throws {
            guard !terms.role.isEmpty else { throw ValidationError("Name a --role at least.") }
            guard links <= 4 else { throw ValidationError("--links must be within 0 to 4.") }
        }

        func run() async throws {
            try await client.connected { session in
                var request = PortalCreateBreakGlassUserRequest()
                request.name = name
                request.displayName = terms.displayName ?? ""
                request.operatorName = terms.operator ?? ""
                request.roles = try terms.roles
                request.maxGrantSeconds = (terms.maxMinutes ?? 0) * 60
                request.enrolments = links
                let answer = try await session.breakGlass.createBreakGlassUser(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Created \(answer.user.name) (\(answer.user.userID)).")
                BreakGlassCommand.show(answer.enrolments)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List who is set up.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            try await client.connected { session in
                let answer = try await session.breakGlass.listBreakGlassUsers(
                    PortalListBreakGlassUsersRequest(), options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                var table = Table(
                    [
                        .wide("Name"), .text("Enabled"), .number("Keys"), .number("Roles"),
                        .text("Longest grant"), .text("Created"),
                    ], whenEmpty: "Nobody is set up: see portolan break-glass create --help.")
                for user in answer.users {
                    table.add([
                        user.name, Format.yesNo(user.enabled), String(user.keys.count),
                        String(user.roles.count),
                        Format.duration(microseconds: BreakGlassCommand.longest(user)),
                        Format.time(user.createdAtUs),
                    ])
                }
                Console.print(table.render(.output))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show somebody's roles and security keys.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ID.") var user: String

        func run() async throws {
            try await client.connected { session in
                let user = try await session.breakGlassUser(user)
                if client.json { return try JSONOutput.print(user) }
                Console.print(BreakGlassCommand.facts(user))
            }
        }
    }

    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change what somebody may do. --role replaces all their roles.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ID.") var user: String
        @OptionGroup var terms: Terms

        func run() async throws {
            var request = PortalUpdateBreakGlassUserRequest()
            request.roles = try terms.roles
            if let minutes = terms.maxMinutes { request.maxGrantSeconds = minutes * 60 }
            if let name = terms.displayName { request.displayName = name }
            if let name = terms.operator { request.operatorName = name }
            try await BreakGlassCommand.update(user, request, client, done: "Changed")
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let somebody in no more; ends their open grants in every Region.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ID.") var user: String

        func run() async throws {
            var request = PortalUpdateBreakGlassUserRequest()
            request.enabled = false
            try await BreakGlassCommand.update(user, request, client, done: "Disabled")
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let somebody in again.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ID.") var user: String

        func run() async throws {
            var request = PortalUpdateBreakGlassUserRequest()
            request.enabled = true
            try await BreakGlassCommand.update(user, request, client, done: "Enabled")
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove somebody with their keys; their grants stay to be reviewed.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ID.") var user: String

        func run() async throws {
            try await client.connected { session in
                var request = PortalDeleteBreakGlassUserRequest()
                request.user = user
                let answer = try await session.breakGlass.deleteBreakGlassUser(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Removed \(user).")
            }
        }
    }

    struct Enrol: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a link that enrols one more security key.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ID.") var user: String

        func run() async throws {
            try await client.connected { session in
                var request = PortalCreateSecurityKeyEnrolmentRequest()
                request.user = user
                let answer = try await session.breakGlass.createSecurityKeyEnrolment(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                BreakGlassCommand.show([answer.enrolment])
            }
        }
    }

    struct RemoveKey: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a security key that is lost.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ID.") var user: String
        @Argument(help: "The key as break-glass show names it, or the beginning of that.")
        var key: String

        func run() async throws {
            try await client.connected { session in
                let found = try await session.breakGlassUser(user).keys.filter {
                    BreakGlassCommand.text($0.credentialID).hasPrefix(key)
                }
                guard found.count == 1 else {
                    throw CommandFailure(
                        found.isEmpty
                            ? "\(user) has no such key." : "Several keys begin like this.")
                }
                var request = PortalRemoveSecurityKeyRequest()
                request.user = user
                request.credentialID = found[0].credentialID
                let answer = try await session.breakGlass.removeSecurityKey(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Removed the key.")
            }
        }
    }

    private static func update(
        _ user: String, _ request: PortalUpdateBreakGlassUserRequest, _ client: ClientOptions,
        done: String
    ) async throws {
        try await client.connected { session in
            var request = request
            request.user = user
            let answer = try await session.breakGlass.updateBreakGlassUser(
                request, options: session.options)
            if client.json { return try JSONOutput.print(answer) }
            Console.print("\(done) \(answer.user.name).")
        }
    }
}
