import ArgumentParser
import Contracts

/// Member accounts of the organization.
struct AccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "List and change the organization's accounts.",
        subcommands: [Put.self, List.self, Delete.self])

    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Enter or replace an account.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "12 digits.") var accountID: String
        @Option(help: ArgumentHelp("The account's name.", valueName: "name")) var name: String
        @Option(help: ArgumentHelp("The account's address.", valueName: "address")) var email = ""

        func run() async throws {
            try await client.connected { session in
                var request = PermissionPutAccountRequest()
                request.account.accountID = accountID
                request.account.name = name
                request.account.email = email
                let answer = try await session.permissions.putAccount(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "Entered \(name) (\(accountID)) at \(Format.position(answer.position)).")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the accounts.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var paging: PagingOptions

        func run() async throws {
            try await client.connected { session in
                var answer = PermissionListAccountsResponse()
                answer.accounts = try await Pages.all(limit: paging.count) { token in
                    var request = PermissionListAccountsRequest()
                    request.pageSize = paging.pageSize
                    request.pageToken = token
                    let page = try await session.permissions.listAccounts(
                        request, options: session.options)
                    return (page.accounts, page.nextPageToken)
                }
                if client.json { return try JSONOutput.print(answer) }
                var table = Table(
                    [.text("Account ID"), .wide("Name"), .wide("E-mail")],
                    whenEmpty: "No accounts.")
                for account in answer.accounts {
                    table.add([account.accountID, account.name, account.email])
                }
                Console.print(table.render(.output))
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove an account that has no assignments.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "12 digits.") var accountID: String

        func run() async throws {
            try await client.connected { session in
                var request = PermissionDeleteAccountRequest()
                request.accountID = accountID
                let answer = try await session.permissions.deleteAccount(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Removed \(accountID) at \(Format.position(answer.position)).")
            }
        }
    }
}
