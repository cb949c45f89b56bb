import ArgumentParser
import Contracts

/// A user or a group, whichever is named.
struct PrincipalOptions: ParsableArguments {
    @Option(help: ArgumentHelp("User name or ID.", valueName: "user")) var user: String?
    @Option(help: ArgumentHelp("Group name or ID.", valueName: "group")) var group: String?

    func validate() throws {
        guard (user == nil) != (group == nil) else {
            throw ValidationError("Name one of --user and --group.")
        }
    }

    /// Looks the principal up.
    func find(
        _ session: RegionSession
    ) async throws -> (type: PermissionPrincipalType, id: String, name: String) {
        if let user {
            let user = try await session.user(user)
            return (.user, user.userID, user.userName)
        }
        let (group, _) = try await session.group(group ?? "")
        return (.group, group.groupID, group.displayName)
    }
}
