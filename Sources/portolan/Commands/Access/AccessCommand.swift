import ArgumentParser
import Contracts

/// What a person may reach.
struct AccessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "access",
        abstract: "Show the accounts, roles and applications a user reaches.")

    @OptionGroup var client: ClientOptions
    @Argument(help: "User name or ID.") var user: String

    func run() async throws {
        try await client.connected { session in
            let user = try await session.user(user)
            var request = PermissionGetAccessRequest()
            request.userID = user.userID
            let answer = try await session.permissions.getAccess(request, options: session.options)
            if client.json { return try JSONOutput.print(answer) }
            var table = Table(
                [.text("Account ID"), .wide("Account"), .wide("Permission sets")],
                whenEmpty: "\(user.userName) reaches no account.")
            for access in answer.accounts {
                table.add([
                    access.account.accountID, access.account.name,
                    access.roles.map(\.permissionSetName).joined(separator: ", "),
                ])
            }
            Console.print(table.render(.output) + "\n")
            var applications = Table(
                [.wide("Application"), .text("Region"), .wide("Start URL")],
                whenEmpty: "\(user.userName) reaches no application.")
            for application in answer.applications {
                applications.add([application.name, application.region, application.startURL])
            }
            Console.print(applications.render(.output))
        }
    }
}
