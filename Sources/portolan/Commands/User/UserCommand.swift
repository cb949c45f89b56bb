import ArgumentParser
import Contracts

/// People.
struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "List and change users.",
        subcommands: [
            List.self, Show.self, Create.self, Update.self, Delete.self, Disable.self, Enable.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List users.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var paging: PagingOptions
        @Option(help: ArgumentHelp("Part of a name or address.", valueName: "text"))
        var search = ""

        func run() async throws {
            try await client.connected { session in
                var answer = DirectoryListUsersResponse()
                answer.users = try await Pages.all(limit: paging.count) { token in
                    var request = DirectoryListUsersRequest()
                    request.pageSize = paging.pageSize
                    request.pageToken = token
                    request.search = search
                    let page = try await session.directory.listUsers(
                        request, options: session.options)
                    answer.total = page.total
                    return (page.users, page.nextPageToken)
                }
                if client.json { return try JSONOutput.print(answer) }
                var table = Table(
                    [
                        .wide("User name"), .wide("Display name"), .text("Enabled"),
                        .text("User ID"),
                    ], whenEmpty: "No users.")
                for user in answer.users {
                    table.add([
                        user.userName, user.displayName, Format.yesNo(user.enabled), user.userID,
                    ])
                }
                Console.print(table.render(.output))
                paging.note(shown: answer.users.count, total: answer.total)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a user and the groups it is in.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "User name or ID.") var user: String

        func run() async throws {
            try await client.connected { session in
                let user = try await session.user(user)
                if client.json {
                    var answer = DirectoryGetUserResponse()
                    answer.user = user
                    return try JSONOutput.print(answer)
                }
                var request = DirectoryListGroupsOfUserRequest()
                request.userID = user.userID
                let groups = try await session.directory.listGroupsOfUser(
                    request, options: session.options)
                Console.print(UserCommand.facts(user, groups.groups).render())
            }
        }
    }

    static func facts(
        _ user: DirectoryUser, _ groups: [DirectoryListGroupsOfUserResponse.GroupOfUser]
    ) -> Facts {
        var facts = Facts()
        facts.add("User name", user.userName)
        facts.add("User ID", user.userID)
        facts.add("Display name", user.displayName)
        facts.add("Name", "\(user.name.givenName) \(user.name.familyName)")
        facts.add("E-mail", user.emails.map(\.value).joined(separator: ", "))
        facts.add("Title", user.title)
        facts.add("Department", user.enterprise.department)
        facts.add("External ID", user.externalID)
        facts.add("Enabled", Format.yesNo(user.enabled))
        facts.add("Groups", groups.map(\.displayName).sorted().joined(separator: ", "))
        facts.add("Created", Format.time(user.createdAtUs))
        facts.add("Updated", "\(Format.time(user.updatedAtUs)) (version \(user.version))")
        return facts
    }
}
