import ArgumentParser
import Contracts

/// Sessions of people, wherever they signed in.
struct SessionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "session", abstract: "List and revoke sessions.",
        subcommands: [List.self, Revoke.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List sessions, newest first.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var paging: PagingOptions
        @Option(help: ArgumentHelp("User name or ID.", valueName: "user")) var user: String?

        func run() async throws {
            try await client.connected { session in
                let userID = try await SessionCommand.userID(user, session)
                var answer = PortalListSessionsResponse()
                answer.sessions = try await Pages.all(limit: paging.count) { token in
                    var request = PortalListSessionsRequest()
                    request.userID = userID
                    request.pageSize = paging.pageSize
                    request.pageToken = token
                    let page = try await session.sessions.listSessions(
                        request, options: session.options)
                    return (page.sessions, page.nextPageToken)
                }
                if client.json { return try JSONOutput.print(answer) }
                var table = Table(
                    [
                        .wide("User"), .text("Region"), .text("Since"), .text("Until"),
                        .text("From"), .text("Session ID"),
                    ], whenEmpty: "No sessions.")
                for item in answer.sessions {
                    table.add([
                        item.userName, item.region, Format.time(item.createdAtUs),
                        item.revoked ? "revoked" : Format.time(item.expiresAtUs),
                        item.sourceIpAddress, item.sessionID,
                    ])
                }
                Console.print(table.render(.output))
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a session, or all sessions of a user, in every Region.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The session's ID.") var sessionID: String?
        @Option(help: ArgumentHelp("User name or ID.", valueName: "user")) var user: String?

        func validate() throws {
            guard (sessionID == nil) != (user == nil) else {
                throw ValidationError("Name a session's ID or --user.")
            }
        }

        func run() async throws {
            try await client.connected { session in
                var request = PortalRevokeSessionRequest()
                request.sessionID = sessionID ?? ""
                request.userID = try await SessionCommand.userID(user, session)
                let answer = try await session.sessions.revokeSession(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "Revoked \(answer.revoked) at \(Format.position(answer.position)).")
            }
        }
    }

    private static func userID(
        _ user: String?, _ session: RegionSession
    ) async throws -> String {
        guard let user else { return "" }
        return try await session.user(user).userID
    }
}
