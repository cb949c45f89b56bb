import Contracts
import RPC
import ReplicatedState

extension PermissionHandler {
    func getAccess(
        _ request: PermissionGetAccessRequest, context: ServerContext
    ) async throws -> PermissionGetAccessResponse {
        if request.hasAtLeast {
            try await replica.wait(for: request.atLeast, until: context.deadline)
        }
        let person = try await person(request.userID, context)
        return try replica.read { Access.of(person.principals, in: $0) }
    }

    func checkRole(
        _ request: PermissionCheckRoleRequest, context: ServerContext
    ) async throws -> PermissionCheckRoleResponse {
        let person = try await person(request.userID, context)
        let primary = try instance().primaryRegion
        return try replica.read { state in
            guard let set = state.permissionSet(named: request.permissionSetName),
                let account = state.accounts[request.accountID],
                let assignment = person.principals.lazy.compactMap({ principal in
                    state.assignments[
                        AssignmentKey(
                            accountID: request.accountID, permissionSetARN: set.permissionSetArn,
                            principal: principal)]
                }).first
            else {
                throw RPCError(
                    .permissionDenied, reason: "ROLE_NOT_ASSIGNED",
                    message: "The role is not assigned to this person in this account.")
            }
            var response = PermissionCheckRoleResponse()
            response.account = account
            response.permissionSet = set
            response.roleName = assignment.roleName
            response.roleArn = Self.roleARN(account.accountID, assignment.roleName, primary)
            response.userName = person.userName
            return response
        }
    }

    /// us-east-1 leaves no trace in the ARN, any other primary Region does (as IAM Identity Center).
    static func roleARN(_ account: String, _ role: String, _ primaryRegion: String) -> String {
        let place = primaryRegion == "us-east-1" ? "" : "\(primaryRegion)/"
        return "arn:aws:iam::\(account):role/aws-reserved/sso.amazonaws.com/\(place)\(role)"
    }

    /// An enabled person with all the principals that count for them.
    private struct Person {
        let userName: String
        let principals: [Principal]
    }

    /// Throws NOT_FOUND USER_NOT_FOUND, PERMISSION_DENIED USER_DISABLED.
    private func person(_ userID: String, _ context: ServerContext) async throws -> Person {
        let options = CallOptions(timeout: context.deadline.remaining)
        var userRequest = DirectoryGetUserRequest()
        userRequest.userID = userID
        var groupsRequest = DirectoryListGroupsOfUserRequest()
        groupsRequest.userID = userID
        async let groups = directory.listGroupsOfUser(groupsRequest, options: options)
        let user = try await directory.getUser(userRequest, options: options).user
        guard user.enabled else {
            throw RPCError(
                .permissionDenied, reason: "USER_DISABLED", message: "The user is disabled.")
        }
        let ids = try await groups.groups.map(\.groupID)
        return Person(
            userName: user.userName,
            principals: [Principal(isGroup: false, id: userID)]
                + ids.map { Principal(isGroup: true, id: $0) })
    }
}

/// What some principals reach together.
enum Access {
    static func of(
        _ principals: [Principal], in state: PermissionState
    ) -> PermissionGetAccessResponse {
        var sets: [String: Set<String>] = [:]
        var arns = state.unassignedApplications
        for principal in principals {
            for key in state.assignments(of: principal) {
                sets[key.accountID, default: []].insert(key.permissionSetARN)
            }
            arns.formUnion(state.applications(of: principal))
        }
        var response = PermissionGetAccessResponse()
        response.accounts = sets.compactMap { account($0.key, $0.value, state) }
            .sorted {
                ($0.account.name, $0.account.accountID) < ($1.account.name, $1.account.accountID)
            }
        response.applications = arns.compactMap { state.applications[$0] }
            .filter { $0.status == .enabled }
            .sorted { ($0.name, $0.applicationArn) < ($1.name, $1.applicationArn) }
        return response
    }

    private static func account(
        _ id: String, _ sets: Set<String>, _ state: PermissionState
    ) -> PermissionGetAccessResponse.AccountAccess? {
        guard let account = state.accounts[id] else { return nil }
        var access = PermissionGetAccessResponse.AccountAccess()
        access.account = account
        access.roles = sets.compactMap { state.permissionSets[$0] }
            .map { set in
                var role = PermissionGetAccessResponse.Role()
                role.permissionSetName = set.name
                role.permissionSetArn = set.permissionSetArn
                role.description_p = set.description_p
                return role
            }
            .sorted { $0.permissionSetName < $1.permissionSetName }
        return access.roles.isEmpty ? nil : access
    }
}
