import Contracts
import RPC

extension ServiceRules {
    static var directoryGrants: [Grant] {
        typealias M = DirectoryMethods
        return [
            Grant(
                [
                    M.getUser, M.findUser, M.listUsers, M.getGroup, M.findGroup, M.listGroups,
                    M.listMembers, M.listGroupsOfUser, M.getMembership, M.getStatus,
                ], local(.permission, .portal) + [administrator, auditor]),
            Grant(
                [
                    M.createUser, M.updateUser, M.deleteUser, M.createGroup, M.updateGroup,
                    M.deleteGroup, M.changeMembers, M.createMembership, M.deleteMembership,
                ], local(.portal) + [administrator]),
            Grant([M.watchPeople], local(.permission)),
            Grant([M.reapplyRecords], [administrator]),
        ]
    }

    static var permissionGrants: [Grant] {
        typealias M = PermissionsMethods
        return [
            Grant(
                [
                    M.listAccounts, M.getPermissionSet, M.listPermissionSets,
                    M.listAccountAssignments, M.getApplication, M.listApplications,
                    M.listApplicationAssignments, M.getAccess, M.checkRole, M.getStatus,
                ], local(.portal) + [administrator, auditor]),
            Grant(
                [
                    M.putAccount, M.deleteAccount, M.createPermissionSet, M.updatePermissionSet,
                    M.deletePermissionSet, M.createAccountAssignment, M.deleteAccountAssignment,
                    M.createApplication, M.updateApplication, M.deleteApplication,
                    M.putApplicationAssignmentConfiguration,
                    M.createApplicationAssignment, M.deleteApplicationAssignment,
                ], local(.portal) + [administrator]),
            Grant([M.describeRoles], local(.portal)),
            Grant([M.reapplyRecords], [administrator]),
        ]
    }

    static var keysGrants: [Grant] {
        typealias M = KeysKeyManagementMethods
        typealias C = KeysCryptographyMethods
        return [
            Grant(
                [
                    M.describeKey, M.listKeys, M.getKeyPolicy, M.listAliases, M.getUsage,
                    M.listKeyPolicies, M.getKeyRotationStatus, M.listKeyRotations,
                    M.listResourceTags, M.listGrants, M.listRetirableGrants, M.getRelatedKeys,
                ],
                local(.coordinator, .portal) + [administrator, keyAdministrator, auditor]),
            Grant(
                [M.createKey, M.replicateKey],
                local(.coordinator, .portal) + [administrator, keyAdministrator]),
            Grant(
                [
                    M.enableKey, M.disableKey, M.scheduleKeyDeletion, M.cancelKeyDeletion,
                    M.putKeyPolicy, M.createAlias, M.deleteAlias, M.updateAlias,
                    M.updateKeyDescription, M.enableKeyRotation,
                    M.disableKeyRotation, M.rotateKeyOnDemand, M.tagResource, M.untagResource,
                    M.createGrant, M.retireGrant, M.revokeGrant, M.getParametersForImport,
                    M.importKeyMaterial, M.deleteImportedKeyMaterial,
                ],
                // The portal calls for whom it has recognised; the keys service asks the policies.
                local(.portal) + [administrator, keyAdministrator]),
            Grant(
                [M.updatePrimaryRegion],
                local(.coordinator, .portal) + [administrator, keyAdministrator]),
            Grant([M.checkKeyAccess, M.assumePrimary], local(.coordinator)),
            Grant(
                C.all,
                local(.directory, .permission, .coordinator, .portal)
                    + [administrator, keyAdministrator]),
            Grant(KeysKeyTransferMethods.all, remote(.keys)),
        ]
    }

    static var coordinatorGrants: [Grant] {
        typealias L = CoordinatorLogMethods
        typealias I = CoordinatorInstanceAdministrationMethods
        return [
            Grant([L.append, L.tail, L.getPositions], local(.directory, .permission, .portal)),
            Grant([L.getPositions], [administrator, auditor]),
            Grant(CoordinatorReplicationMethods.all, remote(.coordinator)),
            Grant(
                [
                    I.getInstance, I.watchInstance, I.describeRegion, I.listRegions,
                    I.listAvailableRegions, I.getReplicationStatus,
                ],
                local(.directory, .permission, .keys, .portal)
                    + [administrator, keyAdministrator, auditor]),
            Grant([I.listUnreplicated], local(.portal) + [administrator, auditor]),
            Grant([I.verifyRegions], local(.portal) + [administrator, auditor]),
            Grant(
                [
                    I.addRegion, I.removeRegion, I.cancelRegion, I.promoteRegion, I.updateInstance,
                    I.putIdentityProvider,
                ],
                local(.portal) + [administrator]),
            Grant([I.createInstance, I.reapplySettings, I.rotateDataKeys], [administrator]),
            Grant([TrailMethods.record], local(.directory, .permission, .keys, .portal)),
            Grant([TrailMethods.acknowledgeTrailProblem], [administrator]),
            Grant(
                [
                    TrailMethods.lookUp, TrailMethods.export, TrailMethods.verify,
                    TrailMethods.listCheckpoints,
                ],
                local(.portal) + [administrator, auditor]),
        ]
    }

    static var portalGrants: [Grant] {
        typealias B = PortalBreakGlassMethods
        return [
            Grant(
                [PortalSessionsMethods.listSessions], [administrator, auditor]),
            Grant([PortalSessionsMethods.revokeSession], [administrator]),
            Grant(PortalScimTokensMethods.all, [administrator]),
            Grant(
                [B.listBreakGlassUsers, B.listBreakGlassGrants, B.reviewBreakGlassGrant],
                [administrator, auditor]),
            Grant(
                [
                    B.createBreakGlassUser, B.updateBreakGlassUser, B.deleteBreakGlassUser,
                    B.createSecurityKeyEnrolment, B.removeSecurityKey, B.revokeBreakGlassGrant,
                ], [administrator]),
            Grant(
                PortalOperatorCredentialsMethods.all, [administrator, keyAdministrator, auditor]),
            // Whose keys these are is decided by the session token in the request.
            Grant(PortalCredentialsMethods.all, operators),
        ]
    }
}
