import Contracts
import Foundation
import RPC

/// Finds things by the names people use, or by ID.
extension RegionSession {
    /// A user by user name or ID.
    func user(_ nameOrID: String) async throws -> DirectoryUser {
        if Self.isUUID(nameOrID) {
            var request = DirectoryGetUserRequest()
            request.userID = nameOrID.lowercased()
            return try await directory.getUser(request, options: options).user
        }
        var request = DirectoryFindUserRequest()
        request.userName = nameOrID
        return try await found("user", nameOrID, list: "user list --search") {
            try await directory.findUser(request, options: options).user
        }
    }

    /// A group by display name or ID, with the number of its members.
    func group(_ nameOrID: String) async throws -> (group: DirectoryGroup, members: UInt64) {
        if Self.isUUID(nameOrID) {
            var request = DirectoryGetGroupRequest()
            request.groupID = nameOrID.lowercased()
            let answer = try await directory.getGroup(request, options: options)
            return (answer.group, answer.memberCount)
        }
        var request = DirectoryFindGroupRequest()
        request.displayName = nameOrID
        return try await found("group", nameOrID, list: "group list --search") {
            let answer = try await directory.findGroup(request, options: options)
            return (answer.group, answer.memberCount)
        }
    }

    /// A permission set by name or ARN.
    func permissionSet(_ nameOrARN: String) async throws -> PermissionPermissionSet {
        var request = PermissionGetPermissionSetRequest()
        request.permissionSet = nameOrARN
        return try await found("permission set", nameOrARN, list: "permission-set list") {
            try await permissions.getPermissionSet(request, options: options).permissionSet
        }
    }

    /// An application by ARN or, if only one has it, name.
    func application(_ nameOrARN: String) async throws -> PermissionApplication {
        if nameOrARN.hasPrefix("arn:") {
            var request = PermissionGetApplicationRequest()
            request.applicationArn = nameOrARN
            return try await permissions.getApplication(request, options: options).application
        }
        let matches = try await Pages.all { token -> ([PermissionApplication], String) in
            var request = PermissionListApplicationsRequest()
            request.pageSize = 1_000
            request.pageToken = token
            let answer = try await permissions.listApplications(request, options: options)
            return (answer.applications, answer.nextPageToken)
        }.filter { $0.name == nameOrARN }
        guard let first = matches.first else {
            throw CommandFailure(
                "There is no application \(nameOrARN).",
                hint: "See them with portolan application list.")
        }
        guard matches.count == 1 else {
            throw CommandFailure(
                "\(matches.count) applications are named \(nameOrARN).",
                hint: "Name one by its ARN:\n"
                    + matches.map { "  \($0.applicationArn)" }.joined(separator: "\n"))
        }
        return first
    }

    static func isUUID(_ text: String) -> Bool { UUID(uuidString: text) != nil }

    private func found<Value>(
        _ kind: String, _ name: String, list: String, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as RPCError where error.code == .notFound {
            throw CommandFailure(
                "There is no \(kind) \(name) in \(region).",
                hint: "Look with portolan \(list)\(list.hasSuffix("search") ? " <text>" : "").")
        }
    }
}

/// Collects answers that come by page.
enum Pages {
    /// Throws when a listing does not end within a million entries.
    static let entriesMax = 1_000_000

    static func all<Item: Sendable>(
        limit: Int = entriesMax, _ page: (String) async throws -> ([Item], String)
    ) async throws -> [Item] {
        var items: [Item] = []
        var token = ""
        repeat {
            let (more, next) = try await page(token)
            items += more
            token = next
        } while !token.isEmpty && items.count < limit
        return Array(items.prefix(limit))
    }
}
