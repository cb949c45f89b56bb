import ArgumentParser
import Contracts

/// Groups of people.
struct GroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group", abstract: "List and change groups and their members.",
        subcommands: [
            List.self, Show.self, Create.self, Delete.self, AddMember.self, RemoveMember.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List groups.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var paging: PagingOptions
        @Option(help: ArgumentHelp("Part of a name.", valueName: "text")) var search = ""

        func run() async throws {
            try await client.connected { session in
                var answer = DirectoryListGroupsResponse()
                answer.groups = try await Pages.all(limit: paging.count) { token in
                    var request = DirectoryListGroupsRequest()
                    request.pageSize = paging.pageSize
                    request.pageToken = token
                    request.search = search
                    let page = try await session.directory.listGroups(
                        request, options: session.options)
                    answer.total = page.total
                    return (page.groups, page.nextPageToken)
                }
                if client.json { return try JSONOutput.print(answer) }
                var table = Table(
                    [.wide("Name"), .wide("Description"), .text("Group ID")],
                    whenEmpty: "No groups.")
                for group in answer.groups {
                    table.add([group.displayName, group.description_p, group.groupID])
                }
                Console.print(table.render(.output))
                paging.note(shown: answer.groups.count, total: answer.total)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a group and its members.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var paging: PagingOptions
        @Argument(help: "Name or ID.") var group: String

        func run() async throws {
            try await client.connected { session in
                let (group, members) = try await session.group(group)
                if client.json {
                    var answer = DirectoryGetGroupResponse()
                    answer.group = group
                    answer.memberCount = members
                    return try JSONOutput.print(answer)
                }
                var facts = Facts()
                facts.add("Name", group.displayName)
                facts.add("Group ID", group.groupID)
                facts.add("Description", group.description_p)
                facts.add("External ID", group.externalID)
                facts.add("Members", Format.count(members))
                facts.add("Created", Format.time(group.createdAtUs))
                Console.print(facts.render() + "\n")
                try await showMembers(group, session)
            }
        }

        private func showMembers(
            _ group: DirectoryGroup, _ session: RegionSession
        ) async throws {
            let list = try await Pages.all(limit: paging.count) { token in
                var request = DirectoryListMembersRequest()
                request.groupID = group.groupID
                request.pageSize = paging.pageSize
                request.pageToken = token
                let page = try await session.directory.listMembers(
                    request, options: session.options)
                return (page.members, page.nextPageToken)
            }
            var table = Table(
                [.wide("User name"), .wide("Display name"), .text("User ID")],
                whenEmpty: "No members.")
            for member in list { table.add([member.userName, member.displayName, member.userID]) }
            Console.print(table.render(.output))
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Create a group.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The group's name.") var name: String
        @Option(help: ArgumentHelp("Description.", valueName: "text")) var description = ""
        @Option(help: ArgumentHelp("User name or ID; may be repeated.", valueName: "user"))
        var member: [String] = []

        func run() async throws {
            try await client.connected { session in
                var request = DirectoryCreateGroupRequest()
                request.group.displayName = name
                request.group.description_p = description
                request.memberUserIds = try await GroupCommand.ids(member, session)
                let answer = try await session.directory.createGroup(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "Created \(answer.group.displayName) (\(answer.group.groupID)) at "
                        + "\(Format.position(answer.position)).")
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a group with its memberships.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ID.") var group: String

        func run() async throws {
            try await client.connected { session in
                let (group, _) = try await session.group(group)
                var request = DirectoryDeleteGroupRequest()
                request.groupID = group.groupID
                let answer = try await session.directory.deleteGroup(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "Deleted \(group.displayName) at \(Format.position(answer.position)).")
            }
        }
    }

    struct AddMember: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add-member", abstract: "Put users into a group.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The group's name or ID.") var group: String
        @Argument(help: "User names or IDs.") var users: [String]

        func run() async throws {
            try await GroupCommand.change(group, add: users, remove: [], client)
        }
    }

    struct RemoveMember: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove-member", abstract: "Take users out of a group.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The group's name or ID.") var group: String
        @Argument(help: "User names or IDs.") var users: [String]

        func run() async throws {
            try await GroupCommand.change(group, add: [], remove: users, client)
        }
    }

    static func ids(_ users: [String], _ session: RegionSession) async throws -> [String] {
        var ids: [String] = []
        for user in users { ids.append(try await session.user(user).userID) }
        return ids
    }

    static func change(
        _ group: String, add: [String], remove: [String], _ client: ClientOptions
    ) async throws {
        try await client.connected { session in
            let (group, _) = try await session.group(group)
            var request = DirectoryChangeMembersRequest()
            request.groupID = group.groupID
            request.addUserIds = try await ids(add, session)
            request.removeUserIds = try await ids(remove, session)
            let answer = try await session.directory.changeMembers(
                request, options: session.options)
            if client.json { return try JSONOutput.print(answer) }
            Console.print(
                "\(group.displayName): \(answer.added) added, \(answer.removed) removed at "
                    + "\(Format.position(answer.position)).")
        }
    }
}
