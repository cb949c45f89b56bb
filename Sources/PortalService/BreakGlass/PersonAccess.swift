import Contracts
import RPC
import SwiftProtobuf

/// What somebody may reach: by their assignments, or in an emergency by the list that they have for it.
struct PersonAccess: Sendable {
    let permissions: PermissionsClient
    let breakGlass: any RecordLog<BreakGlassState>

    func of(
        _ person: SignedInPerson, options: CallOptions
    ) async throws -> PermissionGetAccessResponse {
        guard let emergency = person.emergency else {
            var request = PermissionGetAccessRequest()
            request.userID = person.user.userID
            return try await permissions.getAccess(request, options: options)
        }
        let roles = try await describe(emergency.roles, options)
        var response = PermissionGetAccessResponse()
        response.accounts = Dictionary(grouping: roles, by: \.account.accountID).values
            .compactMap(Self.account)
            .sorted {
                ($0.account.name, $0.account.accountID) < ($1.account.name, $1.account.accountID)
            }
        return response
    }

    /// One role, by name of its permission set, if it is this person's.
    ///
    /// Throws: PERMISSION_DENIED ROLE_NOT_ASSIGNED, and what the permission service says.
    func role(
        _ permissionSet: String, in account: String, of userID: String, options: CallOptions
    ) async throws -> PermissionCheckRoleResponse {
        guard BreakGlassState.isBreakGlass(userID) else {
            var request = PermissionCheckRoleRequest()
            request.userID = userID
            request.accountID = account
            request.permissionSetName = permissionSet
            return try await permissions.checkRole(request, options: options)
        }
        let user = try breakGlass.read { $0.users[userID]?.user }
        let wanted = user?.roles.first {
            $0.accountID == account && $0.permissionSetName == permissionSet
        }
        guard let user, user.enabled, let wanted,
            var role = try await describe([wanted], options).first
        else {
            throw RPCError(
                .permissionDenied, reason: "ROLE_NOT_ASSIGNED",
                message: "The role is not assigned to this person in this account.")
        }
        role.userName = user.name
        return role
    }

    /// Those of these roles that there are.
    func describe(
        _ roles: [PortalBreakGlassRole], _ options: CallOptions
    ) async throws -> [PermissionCheckRoleResponse] {
        var request = PermissionDescribeRolesRequest()
        request.roles = roles.map { role in
            .with {
                $0.accountID = role.accountID
                $0.permissionSetName = role.permissionSetName
            }
        }
        return try await permissions.describeRoles(request, options: options).roles
    }

    private static func account(
        _ roles: [PermissionCheckRoleResponse]
    ) -> PermissionGetAccessResponse.AccountAccess? {
        guard let first = roles.first else { return nil }
        var access = PermissionGetAccessResponse.AccountAccess()
        access.account = first.account
        access.roles = roles.map(\.permissionSet).map { set in
            .with {
                $0.permissionSetName = set.name
                $0.permissionSetArn = set.permissionSetArn
                $0.description_p = set.description_p
            }
        }.sorted { $0.permissionSetName < $1.permissionSetName }
        return access
    }
}
