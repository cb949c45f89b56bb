import ArgumentParser
import Contracts

/// Who has which permission set in which account.
struct AssignmentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "assignment", abstract: "List and change account assignments.",
        subcommands: [Create.self, List.self, Delete.self])

    /// Account and permission set.
    struct Target: ParsableArguments {
        @Option(help: ArgumentHelp("12 digits.", valueName: "account")) var account: String
        @Option(help: ArgumentHelp("Name or ARN.", valueName: "permission-set"))
        var permissionSet: String
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a user or group a permission set in an account.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var target: Target
        @OptionGroup var principal: PrincipalOptions

        func run() async throws {
            try await client.connected { session in
                let who = try await principal.find(session)
                let set = try await session.permissionSet(target.permissionSet)
                var request = PermissionCreateAccountAssignmentRequest()
                request.accountID = target.account
                request.permissionSetArn = set.permissionSetArn
                request.principalType = who.type
                request.principalID = who.id
                let answer = try await session.permissions.createAccountAssignment(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "\(who.name) has \(set.name) in \(target.account) as "
                        + "\(answer.assignment.roleName), at \(Format.position(answer.position)).")
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take an assignment away.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var target: Target
        @OptionGroup var principal: PrincipalOptions

        func run() async throws {
            try await client.connected { session in
                let who = try await principal.find(session)
                let set = try await session.permissionSet(target.permissionSet)
                var request = PermissionDeleteAccountAssignmentRequest()
                request.accountID = target.account
                request.permissionSetArn = set.permissionSetArn
                request.principalType = who.type
                request.principalID = who.id
                let answer = try await session.permissions.deleteAccountAssignment(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "\(who.name) no longer has \(set.name) in \(target.account), at "
                        + "\(Format.position(answer.position)).")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List assignments; each option narrows the list.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var paging: PagingOptions
        @Option(help: ArgumentHelp("12 digits.", valueName: "account")) var account = ""
        @Option(help: ArgumentHelp("Name or ARN.", valueName: "permission-set"))
        var permissionSet: String?
        @Option(help: ArgumentHelp("User name or ID.", valueName: "user")) var user: String?
        @Option(help: ArgumentHelp("Group name or ID.", valueName: "group")) var group: String?

        func validate() throws {
            if user != nil, group != nil { throw ValidationError("Name --user or --group.") }
        }

        func run() async throws {
            try await client.connected { session in
                var filter = PermissionListAccountAssignmentsRequest()
                filter.accountID = account
                if let permissionSet {
                    filter.permissionSetArn =
                        try await session.permissionSet(permissionSet).permissionSetArn
                }
                if let user { filter.principalID = try await session.user(user).userID }
                if let group { filter.principalID = try await session.group(group).group.groupID }
                var answer = PermissionListAccountAssignmentsResponse()
                answer.assignments = try await Pages.all(limit: paging.count) { token in
                    var request = filter
                    request.pageSize = paging.pageSize
                    request.pageToken = token
                    let page = try await session.permissions.listAccountAssignments(
                        request, options: session.options)
                    return (page.assignments, page.nextPageToken)
                }
                if client.json { return try JSONOutput.print(answer) }
                let names = try await NameBook.load(session)
                var table = Table(
                    [
                        .text("Account"), .text("Permission set"), .text("Type"),
                        .wide("Principal"), .wide("Role"),
                    ], whenEmpty: "No assignments.")
                for assignment in answer.assignments {
                    table.add([
                        assignment.accountID,
                        names.permissionSets[assignment.permissionSetArn]
                            ?? assignment.permissionSetArn,
                        Format.name(assignment.principalType).lowercased(),
                        await names.principal(
                            assignment.principalType, assignment.principalID, session),
                        assignment.roleName,
                    ])
                }
                Console.print(table.render(.output))
            }
        }
    }
}

/// Names for IDs in a listing.
struct NameBook {
    let permissionSets: [String: String]

    static func load(_ session: RegionSession) async throws -> NameBook {
        let sets = try await Pages.all { token -> ([PermissionPermissionSet], String) in
            var request = PermissionListPermissionSetsRequest()
            request.pageSize = 1_000
            request.pageToken = token
            let page = try await session.permissions.listPermissionSets(
                request, options: session.options)
            return (page.permissionSets, page.nextPageToken)
        }
        return NameBook(
            permissionSets: Dictionary(
                sets.map { ($0.permissionSetArn, $0.name) }, uniquingKeysWith: { first, _ in first }
            ))
    }

    /// The name; the ID where the directory cannot say.
    func principal(
        _ type: PermissionPrincipalType, _ id: String, _ session: RegionSession
    ) async -> String {
        switch type {
        case .user: (try? await session.user(id).userName) ?? id
        case .group: (try? await session.group(id).group.displayName) ?? id
        default: id
        }
    }
}
