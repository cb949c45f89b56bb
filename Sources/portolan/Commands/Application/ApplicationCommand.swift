import ArgumentParser
import Contracts

/// Applications people reach from the portal.
struct ApplicationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "application", abstract: "List and change applications.",
        discussion: "The Region that is asked becomes an application's Region; later changes are "
            + "made there.",
        subcommands: [Create.self, List.self, Show.self, Delete.self, Assign.self, Unassign.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Create an application.")

        @OptionGroup var client: ClientOptions
        @Option(help: ArgumentHelp("Name.", valueName: "name")) var name: String
        @Option(help: ArgumentHelp("Where a person is sent, http or https.", valueName: "url"))
        var startURL: String
        @Option(help: ArgumentHelp("Description.", valueName: "text")) var description = ""
        @Flag(
            inversion: .prefixedNo,
            help: "Whether it works with an instance that uses a customer managed key.")
        var supportsCustomerManagedKeys = true
        @Flag(help: "An application of the organization's platform.") var managed = false
        @Flag(help: "Everybody reaches it.") var assignmentNotRequired = false
        @Flag(help: "The access portal does not show it.") var hidden = false

        func run() async throws {
            try await client.connected { session in
                var request = PermissionCreateApplicationRequest()
                request.application.name = name
                request.application.startURL = startURL
                request.application.description_p = description
                request.application.status = .enabled
                request.application.supportsCustomerManagedKeys = supportsCustomerManagedKeys
                request.application.managed = managed
                request.application.assignmentNotRequired = assignmentNotRequired
                request.application.hidden = hidden
                let answer = try await session.permissions.createApplication(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "Created \(name) in \(answer.application.region) "
                        + "(\(answer.application.applicationArn)).")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the applications of all Regions.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var paging: PagingOptions

        func run() async throws {
            try await client.connected { session in
                var answer = PermissionListApplicationsResponse()
                answer.applications = try await Pages.all(limit: paging.count) { token in
                    var request = PermissionListApplicationsRequest()
                    request.pageSize = paging.pageSize
                    request.pageToken = token
                    let page = try await session.permissions.listApplications(
                        request, options: session.options)
                    return (page.applications, page.nextPageToken)
                }
                if client.json { return try JSONOutput.print(answer) }
                var table = Table(
                    [
                        .wide("Name"), .text("Region"), .text("Status"), .text("CMK"),
                        .extra("Start URL"), .extra("ARN"),
                    ], whenEmpty: "No applications.")
                for application in answer.applications {
                    table.add([
                        application.name, application.region, Format.name(application.status),
                        Format.yesNo(application.supportsCustomerManagedKeys),
                        application.startURL, application.applicationArn,
                    ])
                }
                Console.print(table.render(.output))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show an application and who may use it.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ARN.") var application: String

        func run() async throws {
            try await client.connected { session in
                let application = try await session.application(application)
                if client.json {
                    var answer = PermissionGetApplicationResponse()
                    answer.application = application
                    return try JSONOutput.print(answer)
                }
                var facts = Facts()
                facts.add("Name", application.name)
                facts.add("ARN", application.applicationArn)
                facts.add("Description", application.description_p)
                facts.add("Start URL", application.startURL)
                facts.add("Region", application.region)
                facts.add("Status", Format.name(application.status))
                facts.add(
                    "Reached by",
                    application.assignmentNotRequired ? "everybody" : "whom it is assigned to")
                facts.add("In the access portal", application.hidden ? "hidden" : "shown")
                facts.add(
                    "Customer managed keys",
                    application.supportsCustomerManagedKeys ? "supported" : "not supported")
                Console.print(facts.render() + "\n")
                try await Self.showAssignments(application, session)
            }
        }

        private static func showAssignments(
            _ application: PermissionApplication, _ session: RegionSession
        ) async throws {
            let list = try await Pages.all { token -> ([PermissionApplicationAssignment], String) in
                var request = PermissionListApplicationAssignmentsRequest()
                request.applicationArn = application.applicationArn
                request.pageSize = 1_000
                request.pageToken = token
                let page = try await session.permissions.listApplicationAssignments(
                    request, options: session.options)
                return (page.assignments, page.nextPageToken)
            }
            let names = NameBook(permissionSets: [:])
            var table = Table(
                [.text("Type"), .wide("Principal"), .text("ID")],
                whenEmpty: application.assignmentNotRequired
                    ? "Nobody is assigned, and nobody needs to be." : "Nobody is assigned.")
            for assignment in list {
                table.add([
                    Format.name(assignment.principalType).lowercased(),
                    await names.principal(
                        assignment.principalType, assignment.principalID, session),
                    assignment.principalID,
                ])
            }
            Console.print(table.render(.output))
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete an application with its assignments.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ARN.") var application: String

        func run() async throws {
            try await client.connected { session in
                let application = try await session.application(application)
                var request = PermissionDeleteApplicationRequest()
                request.applicationArn = application.applicationArn
                let answer = try await session.permissions.deleteApplication(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "Deleted \(application.name) at \(Format.position(answer.position)).")
            }
        }
    }
}
