import Contracts
import Foundation
import Hummingbird
import RPC
import SCIM

/// Users by SCIM.
struct SCIMUsers: Sendable {
    /// Users looked at by a filter that no index answers.
    static let scanMax = 50_000
    static let attemptsMax = 4
    let directory: DirectoryClient

    func create(_ call: SCIMCall) async throws -> Response {
        var request = DirectoryCreateUserRequest()
        request.user = DirectoryUser(try SCIMUser(try await call.body()))
        let made = try await directory.createUser(request, options: call.options).user
        let object = SCIMUser(made, baseURL: call.baseURL).object
        return SCIMAnswer.resource(
            object, status: .created, location: "\(call.baseURL)/Users/\(made.userID)")
    }

    func show(_ call: SCIMCall) async throws -> Response {
        let projection = try call.projection()
        var user = SCIMUser(try await find(call.parameter("id"), call), baseURL: call.baseURL)
        if projection.wants("groups") {
            var request = DirectoryListGroupsOfUserRequest()
            request.userID = user.id
            let groups = try await directory.listGroupsOfUser(request, options: call.options)
            user.groups = groups.groups.map { .init(id: $0.groupID, display: $0.displayName) }
        }
        return SCIMAnswer.resource(projection.applied(to: user.object))
    }

    func replace(_ call: SCIMCall) async throws -> Response {
        let given = DirectoryUser(try SCIMUser(try await call.body()))
        let old = try await find(call.parameter("id"), call)
        return try await update(given, of: old, version: 0, call)
    }

    /// Applies the operations to what is there now; again when somebody else was quicker.
    func patch(_ call: SCIMCall) async throws -> Response {
        let operations = try PatchOperation.parse(try await call.body())
        for attempt in 1...Self.attemptsMax {
            let old = try await find(call.parameter("id"), call)
            let object = try PatchEngine.apply(
                operations, to: SCIMUser(old, baseURL: call.baseURL).object)
            let new = DirectoryUser(try SCIMUser(object))
            do {
                return try await update(new, of: old, version: old.version, call)
            } catch let error as RPCError
                where error.code == .aborted && attempt < Self.attemptsMax
            {
                continue
            }
        }
        throw SCIMError(status: 409, detail: "The user is being changed by somebody else.")
    }

    func delete(_ call: SCIMCall) async throws -> Response {
        var request = DirectoryDeleteUserRequest()
        request.userID = call.parameter("id")
        _ = try await directory.deleteUser(request, options: call.options)
        return SCIMAnswer.none
    }

    func list(_ call: SCIMCall) async throws -> Response {
        let projection = try call.projection()
        let page = try call.paging()
        let found: (users: [DirectoryUser], total: UInt64)
        if let filter = try call.filter() {
            let matches = try await matches(filter, call)
            found = (
                Array(matches.dropFirst(Int(clamping: page.offset)).prefix(page.count)),
                UInt64(matches.count)
            )
        } else {
            var request = DirectoryListUsersRequest()
            request.pageSize = UInt32(max(1, page.count))
            request.offset = min(page.offset, 10_000_000)
            let answer = try await directory.listUsers(request, options: call.options)
            found = (page.count == 0 ? [] : answer.users, answer.total)
        }
        let resources = found.users.map {
            projection.applied(to: SCIMUser($0, baseURL: call.baseURL).object)
        }
        return SCIMAnswer.json(
            ListResponse(
                resources: resources, totalResults: found.total, startIndex: page.offset + 1
            ).value)
    }

    // MARK: Finding

    private func find(_ id: String, _ call: SCIMCall) async throws -> DirectoryUser {
        var request = DirectoryGetUserRequest()
        request.userID = id
        return try await directory.getUser(request, options: call.options).user
    }

    private func update(
        _ user: DirectoryUser, of old: DirectoryUser, version: UInt64, _ call: SCIMCall
    ) async throws -> Response {
        var request = DirectoryUpdateUserRequest()
        request.user = user
        request.user.userID = old.userID
        request.user.keepAttributesOutsideSCIM(of: old)
        request.expectedVersion = version
        let made = try await directory.updateUser(request, options: call.options).user
        return SCIMAnswer.resource(SCIMUser(made, baseURL: call.baseURL).object)
    }

    private func matches(_ filter: SCIMFilter, _ call: SCIMCall) async throws -> [DirectoryUser] {
        if let indexed = indexed(filter) {
            do {
                return [try await indexed(call)]
            } catch let error as RPCError where error.code == .notFound {
                return []
            }
        }
        var matches: [DirectoryUser] = []
        var request = DirectoryListUsersRequest()
        request.pageSize = 1_000
        var seen = 0
        repeat {
            let page = try await directory.listUsers(request, options: call.options)
            matches += page.users.filter {
                filter.matches(SCIMUser($0, baseURL: call.baseURL).object)
            }
            seen += page.users.count
            request.pageToken = page.nextPageToken
            guard seen <= Self.scanMax else { throw SCIMGroups.tooMany }
        } while !request.pageToken.isEmpty
        return matches
    }

    /// A filter that one look-up answers: what identity providers send before every write.
    private func indexed(
        _ filter: SCIMFilter
    ) -> (@Sendable (SCIMCall) async throws -> DirectoryUser)? {
        guard let equality = filter.soleEquality, !equality.attribute.isExtended,
            let value = equality.value.string, !value.isEmpty
        else { return nil }
        var request = DirectoryFindUserRequest()
        switch equality.attribute.folded {
        case "id": return { try await find(value, $0) }
        case "username": request.userName = value
        case "externalid": request.externalID = value
        case "emails", "emails.value": request.email = value
        default: return nil
        }
        let ask = request
        return { try await directory.findUser(ask, options: $0.options).user }
    }
}
