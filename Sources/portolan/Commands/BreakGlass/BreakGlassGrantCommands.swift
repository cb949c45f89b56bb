import ArgumentParser
import Contracts
import RPC

extension BreakGlassCommand {
    struct Grants: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what was opened, in every Region, newest first.")

        @OptionGroup var client: ClientOptions
        @Flag(help: "Only those that are open.") var open = false
        @Flag(help: "Only those that have ended and wait for a review.") var unreviewed = false
        @Option(help: ArgumentHelp("Entries to show at most.", valueName: "count"))
        var limit: UInt32 = 100

        func validate() throws {
            guard !(open && unreviewed) else {
                throw ValidationError("--open and --unreviewed exclude each other.")
            }
            guard (1...1_000).contains(limit) else {
                throw ValidationError("--limit must be within 1 to 1000.")
            }
        }

        func run() async throws {
            try await client.connected { session in
                var request = PortalListBreakGlassGrantsRequest()
                request.state = open ? .open : unreviewed ? .unreviewed : .unspecified
                request.limit = limit
                let answer = try await session.breakGlass.listBreakGlassGrants(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                var table = Table(
                    [
                        .text("User"), .text("Region"), .text("Opened"), .text("Until"),
                        .text("State"), .wide("Reason"), .extra("Reviewed"), .text("Grant ID"),
                    ], whenEmpty: "No grants.")
                for grant in answer.grants {
                    let isOver = grant.endedAtUs > 0
                    table.add([
                        grant.userName, grant.region, Format.time(grant.openedAtUs),
                        isOver
                            ? "\(Format.time(grant.endedAtUs)) (\(grant.endCause))"
                            : Format.time(grant.expiresAtUs), Format.name(grant.state),
                        grant.reason,
                        grant.hasReview
                            ? "\(grant.review.reviewedBy): \(grant.review.note)" : "-",
                        grant.grantID,
                    ])
                }
                Console.print(table.render(.output))
            }
        }
    }

    struct Review: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that a grant was looked at, by somebody else than who opened it.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The grant's ID.") var grantID: String
        @Option(help: ArgumentHelp("What was found, 1 to 500 characters.", valueName: "text"))
        var note: String

        func run() async throws {
            try await client.connected { session in
                var request = PortalReviewBreakGlassGrantRequest()
                request.grantID = grantID
                request.note = note
                let answer = try await session.breakGlass.reviewBreakGlassGrant(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print(
                    "Reviewed the grant of \(answer.grant.userName) as "
                        + "\(answer.grant.review.reviewedBy).")
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End an open grant with everything taken in it, in every Region.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The grant's ID.") var grantID: String

        func run() async throws {
            try await client.connected { session in
                var request = PortalRevokeBreakGlassGrantRequest()
                request.grantID = grantID
                let answer = try await session.breakGlass.revokeBreakGlassGrant(
                    request, options: session.options)
                if client.json { return try JSONOutput.print(answer) }
                Console.print("Revoked at \(Format.position(answer.position)).")
            }
        }
    }

    /// What `portolan status` says of grants that somebody has to look at. Nothing when it is not known:
    /// the Region's portal may be away, or older.
    static func alarms(_ session: RegionSession) async -> [String] {
        let request = PortalListBreakGlassGrantsRequest()
        let answer = try? await session.breakGlass.listBreakGlassGrants(
            request, options: CallOptions(timeout: .seconds(5)))
        guard let answer else { return [] }
        var alarms = answer.grants.filter { $0.state == .open }.map { grant in
            "ALARM: emergency access of \(grant.userName) is open in \(grant.region) until "
                + "\(Format.time(grant.expiresAtUs)): \(grant.reason)"
        }
        if answer.unreviewed > 0 {
            alarms.append(
                "ALARM: emergency access that has ended and waits for review: \(answer.unreviewed). "
                    + "See portolan break-glass grants --unreviewed.")
        }
        return alarms
    }
}
