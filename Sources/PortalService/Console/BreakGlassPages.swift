import Contracts
import Foundation
import Hummingbird

/// Emergency access: users and grants, to look at. Both are changed by the command line.
struct BreakGlassPages: Sendable {
    static let grantsMax = 100
    let gate: ConsoleGate
    let desk: BreakGlassDesk
    let grants: GrantDesk

    func add(to router: Router<PortalContext>) {
        router.get("console/break-glass") { request, context in
            try await gate.page(request, context) { visit in
                try gate.render(
                    "break-glass", "Emergency access", section: .breakGlass, visit,
                    content: Content(users: desk.list(), grants: grants.list()))
            }
        }
    }

    private struct Content: Sendable {
        let grantCount, userCount: String
        let hasGrants, hasUsers: Bool
        let grants: [GrantRow]
        let users: [UserRow]

        init(users: [PortalBreakGlassUser], grants: [PortalBreakGlassGrant]) {
            grantCount = String(grants.count)
            userCount = String(users.count)
            hasGrants = !grants.isEmpty
            hasUsers = !users.isEmpty
            self.grants = grants.prefix(BreakGlassPages.grantsMax).map(GrantRow.init)
            self.users = users.map(UserRow.init)
        }
    }

    private struct GrantRow: Sendable {
        let userName, region, opened, ended, cause, reason, state, tone: String
        let review: String?

        init(_ grant: PortalBreakGlassGrant) {
            userName = grant.userName
            region = grant.region
            opened = Display.clock(microseconds: grant.openedAtUs)
            reason = grant.reason
            let isOpen = grant.endedAtUs == 0
            ended = Display.clock(microseconds: isOpen ? grant.expiresAtUs : grant.endedAtUs)
            cause = isOpen ? "at the latest" : grant.endCause
            (state, tone) =
                switch grant.state {
                case .open: ("Open", "bad")
                case .reviewed: ("Reviewed", "good")
                default: ("To be reviewed", "warn")
                }
            review =
                grant.state == .reviewed
                ? "by \(grant.review.reviewedBy): \(grant.review.note)" : nil
        }
    }

    private struct UserRow: Sendable {
        let name, longest, keys, keyTone, state, tone: String
        let displayName: String?
        let roles: [String]

        init(_ user: PortalBreakGlassUser) {
            name = user.name
            displayName = user.displayName.isEmpty ? nil : user.displayName
            roles = user.roles.map { "\($0.permissionSetName) in \($0.accountID)" }
            longest = Display.duration(milliseconds: Int64(user.maxGrantSeconds) * 1_000)
            keys = String(user.keys.count)
            keyTone = user.keys.count < 2 ? "warn" : "good"
            (state, tone) = user.enabled ? ("Enabled", "good") : ("Disabled", "warn")
        }
    }
}

extension GrantDesk {
    /// What administrators are to see on every page while something is open or waits for its review.
    var alarm: String? {
        guard let all = try? list() else { return nil }
        let open = all.count { $0.state == .open }
        let unreviewed = all.count { $0.state == .unreviewed }
        let parts =
            (open == 0 ? [] : ["\(open) emergency grant\(open == 1 ? " is" : "s are") open"])
            + (unreviewed == 0
                ? []
                : [
                    "\(unreviewed) ended emergency grant\(unreviewed == 1 ? " waits" : "s wait") for review"
                ])
        return parts.isEmpty ? nil : parts.joined(separator: ", ") + "."
    }
}
