import Contracts
import RPC
import ReplicatedState

extension PermissionHandler {
    static let describedRolesMax = 100

    /// Roles as they are, without the question whose they are.
    func describeRoles(
        _ request: PermissionDescribeRolesRequest, context: ServerContext
    ) async throws -> PermissionDescribeRolesResponse {
        guard request.roles.count <= Self.describedRolesMax else {
            throw RPCError(
                .invalidArgument, reason: "TOO_MANY_ROLES",
                message: "At most \(Self.describedRolesMax) roles are described at once.")
        }
        let primary = try instance().primaryRegion
        return try replica.read { state in
            var response = PermissionDescribeRolesResponse()
            response.roles = request.roles.compactMap { Self.described($0, primary, in: state) }
            return response
        }
    }

    /// The role's name is the one of its assignments; without any, one made of the permission set's ID.
    private static func described(
        _ role: PermissionDescribeRolesRequest.Role, _ primary: String, in state: PermissionState
    ) -> PermissionCheckRoleResponse? {
        guard let account = state.accounts[role.accountID],
            let set = state.permissionSet(named: role.permissionSetName)
        else { return nil }
        let assigned = state.assignments(
            of: RoleKey(accountID: account.accountID, permissionSetARN: set.permissionSetArn)
        ).first.flatMap { state.assignments[$0] }
        var response = PermissionCheckRoleResponse()
        response.account = account
        response.permissionSet = set
        response.roleName =
            assigned?.roleName
            ?? "AWSReservedSSO_\(set.name)_\(set.permissionSetArn.suffix(16))"
        response.roleArn = roleARN(account.accountID, response.roleName, primary)
        return response
    }
}
