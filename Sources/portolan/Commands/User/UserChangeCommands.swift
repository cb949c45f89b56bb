import ArgumentParser
import Contracts

extension UserCommand {
    /// Attributes that create and update share.
    struct Attributes: ParsableArguments {
        @Option(help: ArgumentHelp("Shown name.", valueName: "name")) var displayName: String?
        @Option(help: ArgumentHelp("Given name.", valueName: "name")) var givenName: String?
        @Option(help: ArgumentHelp("Family name.", valueName: "name")) var familyName: String?
        @Option(help: ArgumentHelp("Primary work address.", valueName: "address"))
        var email: String?
        @Option(help: ArgumentHelp("Title.", valueName: "text")) var title: String?
        @Option(help: ArgumentHelp("Department.", valueName: "text")) var department: String?
        @Option(help: ArgumentHelp("The identity provider's ID.", valueName: "id"))
        var externalID: String?

        func apply(to user: inout DirectoryUser) {
            if let displayName { user.displayName = displayName }
            if let givenName { user.name.givenName = givenName }
            if let familyName { user.name.familyName = familyName }
            if let title { user.title = title }
            if let department { user.enterprise.department = department }
            if let externalID { user.externalID = externalID }
            if let email {
                var address = DirectoryEmail()
                address.value = email
                address.type = "work"
                address.primary = true
                user.emails = [address]
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Create a user.")

        @OptionGroup var client: ClientOptions
        @Option(help: ArgumentHelp("Unique; the SAML NameID.", valueName: "name"))
        var userName: String
        @OptionGroup var attributes: Attributes

        func run() async throws {
            try await client.connected { session in
                var request = DirectoryCreateUserRequest()
                request.user.userName = userName
                request.user.enabled = true
                attributes.apply(to: &request.user)
                if request.user.displayName.isEmpty { request.user.displayName = userName }
                let answer = try await session.directory.createUser(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "Created \(answer.user.userName) (\(answer.user.userID)) at "
                        + "\(Format.position(answer.position)).")
            }
        }
    }

    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a user; what is not named stays.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "User name or ID.") var user: String
        @Option(help: ArgumentHelp("New user name.", valueName: "name")) var userName: String?
        @OptionGroup var attributes: Attributes

        func run() async throws {
            try await UserCommand.change(user, client) { user in
                if let userName { user.userName = userName }
                attributes.apply(to: &user)
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep a user from signing in; sessions end.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "User name or ID.") var user: String

        func run() async throws {
            try await UserCommand.change(user, client) { $0.enabled = false }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a user sign in again.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "User name or ID.") var user: String

        func run() async throws {
            try await UserCommand.change(user, client) { $0.enabled = true }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a user with its memberships.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "User name or ID.") var user: String

        func run() async throws {
            try await client.connected { session in
                let user = try await session.user(user)
                var request = DirectoryDeleteUserRequest()
                request.userID = user.userID
                let answer = try await session.directory.deleteUser(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Deleted \(user.userName) at \(Format.position(answer.position)).")
            }
        }
    }

    /// Reads, changes and writes a user, refusing to overwrite somebody else's change.
    static func change(
        _ nameOrID: String, _ client: ClientOptions, _ change: (inout DirectoryUser) -> Void
    ) async throws {
        try await client.connected { session in
            var request = DirectoryUpdateUserRequest()
            request.user = try await session.user(nameOrID)
            request.expectedVersion = request.user.version
            change(&request.user)
            let answer = try await session.directory.updateUser(request, options: session.options)
            if client.json { return try JSONOutput.print(answer) }
            Console.print(
                "Changed \(answer.user.userName) at \(Format.position(answer.position)).")
        }
    }
}
