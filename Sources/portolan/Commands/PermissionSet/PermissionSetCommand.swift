import ArgumentParser
import Contracts

/// Permission sets: what a person may do in an account.
struct PermissionSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "permission-set", abstract: "List and change permission sets.",
        subcommands: [Create.self, List.self, Show.self, Delete.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Create a permission set.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name, 1 to 32 characters.") var name: String
        @Option(help: ArgumentHelp("Description.", valueName: "text")) var description = ""
        @Option(help: ArgumentHelp("Seconds, 3600 to 43200.", valueName: "seconds"))
        var sessionDuration: UInt32 = 3_600
        @Option(help: ArgumentHelp("Where the console opens.", valueName: "url"))
        var relayState = ""
        @Option(help: ArgumentHelp("Managed policy; may be repeated.", valueName: "arn"))
        var managedPolicy: [String] = []
        @Option(
            help: ArgumentHelp("Inline policy, JSON.", valueName: "file"),
            completion: .file(extensions: ["json"]))
        var inlinePolicy: String?

        func run() async throws {
            var request = PermissionCreatePermissionSetRequest()
            request.permissionSet.name = name
            request.permissionSet.description_p = description
            request.permissionSet.sessionDurationSeconds = sessionDuration
            request.permissionSet.relayState = relayState
            request.permissionSet.managedPolicyArns = managedPolicy
            if let inlinePolicy {
                request.permissionSet.inlinePolicy = try InputFile.text(
                    inlinePolicy, bytesMax: 32_768)
            }
            let complete = request
            try await client.connected { session in
                let answer = try await session.permissions.createPermissionSet(
                    complete, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "Created \(name) (\(answer.permissionSet.permissionSetArn)) at "
                        + "\(Format.position(answer.position)).")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List permission sets.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var paging: PagingOptions

        func run() async throws {
            try await client.connected { session in
                var answer = PermissionListPermissionSetsResponse()
                answer.permissionSets = try await Pages.all(limit: paging.count) { token in
                    var request = PermissionListPermissionSetsRequest()
                    request.pageSize = paging.pageSize
                    request.pageToken = token
                    let page = try await session.permissions.listPermissionSets(
                        request, options: session.options)
                    return (page.permissionSets, page.nextPageToken)
                }
                if client.json { return try JSONOutput.print(answer) }
                var table = Table(
                    [
                        .text("Name"), .wide("Description"), .number("Session"),
                        .number("Policies"), .extra("ARN"),
                    ], whenEmpty: "No permission sets.")
                for set in answer.permissionSets {
                    table.add([
                        set.name, set.description_p, "\(set.sessionDurationSeconds) s",
                        String(set.managedPolicyArns.count + (set.inlinePolicy.isEmpty ? 0 : 1)),
                        set.permissionSetArn,
                    ])
                }
                Console.print(table.render(.output))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a permission set.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ARN.") var permissionSet: String

        func run() async throws {
            try await client.connected { session in
                let set = try await session.permissionSet(permissionSet)
                if client.json {
                    var answer = PermissionGetPermissionSetResponse()
                    answer.permissionSet = set
                    return try JSONOutput.print(answer)
                }
                var facts = Facts()
                facts.add("Name", set.name)
                facts.add("ARN", set.permissionSetArn)
                facts.add("Description", set.description_p)
                facts.add("Session duration", "\(set.sessionDurationSeconds) s")
                facts.add("Relay state", set.relayState)
                for policy in set.managedPolicyArns { facts.add("Managed policy", policy) }
                facts.add("Inline policy", set.inlinePolicy)
                facts.add("Created", Format.time(set.createdAtUs))
                Console.print(facts.render())
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a permission set that has no assignments.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ARN.") var permissionSet: String

        func run() async throws {
            try await client.connected { session in
                let set = try await session.permissionSet(permissionSet)
                var request = PermissionDeletePermissionSetRequest()
                request.permissionSetArn = set.permissionSetArn
                let answer = try await session.permissions.deletePermissionSet(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Deleted \(set.name) at \(Format.position(answer.position)).")
            }
        }
    }
}
