import ArgumentParser
import Contracts

extension ApplicationCommand {
    struct Assign: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a user or group use an application.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ARN.") var application: String
        @OptionGroup var principal: PrincipalOptions

        func run() async throws {
            try await client.connected { session in
                let (assignment, names) = try await ApplicationCommand.assignment(
                    application, principal, session)
                var request = PermissionCreateApplicationAssignmentRequest()
                request.assignment = assignment
                let answer = try await session.permissions.createApplicationAssignment(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Assigned \(names) at \(Format.position(answer.position)).")
            }
        }
    }

    struct Unassign: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take an application away from a user or group.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Name or ARN.") var application: String
        @OptionGroup var principal: PrincipalOptions

        func run() async throws {
            try await client.connected { session in
                let (assignment, names) = try await ApplicationCommand.assignment(
                    application, principal, session)
                var request = PermissionDeleteApplicationAssignmentRequest()
                request.assignment = assignment
                let answer = try await session.permissions.deleteApplicationAssignment(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Removed \(names) at \(Format.position(answer.position)).")
            }
        }
    }

    private static func assignment(
        _ application: String, _ principal: PrincipalOptions, _ session: RegionSession
    ) async throws -> (PermissionApplicationAssignment, String) {
        let application = try await session.application(application)
        let who = try await principal.find(session)
        var assignment = PermissionApplicationAssignment()
        assignment.applicationArn = application.applicationArn
        assignment.principalType = who.type
        assignment.principalID = who.id
        return (assignment, "\(application.name): \(who.name)")
    }
}
