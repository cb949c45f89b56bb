import Contracts
import Foundation
import RPC

@testable import PortalService

extension TestPortal {
    /// Two Regions; the portal under test is eu-central-1.
    static func instance(isPrimary: Bool, binding: String) -> CoordinatorGetInstanceResponse {
        var answer = CoordinatorGetInstanceResponse()
        answer.region = "eu-central-1"
        answer.instance.instanceArn = "arn:aws:sso:::instance/ssoins-0123456789abcdef"
        answer.instance.identityStoreID = "d-0123456789"
        answer.instance.ownerAccountID = "111122223333"
        answer.instance.name = "Example"
        answer.instance.kind = .organization
        answer.instance.identitySource = .externalIdp
        answer.instance.primaryRegion = isPrimary ? "eu-central-1" : "us-east-1"
        answer.instance.administratorGroupID = administrators
        answer.instance.signingKeyID = "mrk-0123456789abcdef0123456789abcdef"
        answer.instance.encryption.kmsKeyArn = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1"
        answer.instance.encryption.multiRegion = true
        answer.instance.encryption.status = .enabled
        answer.identityProvider.entityID = "https://idp.example/metadata"
        answer.identityProvider.signInURL = "https://idp.example/sso"
        answer.identityProvider.binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-\(binding)"
        answer.regions = [
            region("eu-central-1", url, isPrimary: isPrimary),
            region("us-east-1", primaryURL, isPrimary: !isPrimary),
        ]
        return answer
    }

    private static func region(
        _ name: String, _ url: String, isPrimary: Bool
    ) -> CoordinatorRegion {
        var region = CoordinatorRegion()
        region.name = name
        region.status = .active
        region.primary = isPrimary
        region.portalURL = url
        region.addedAtUs = 1_780_000_000_000_000
        return region
    }

    /// One account with one role, and one application.
    static func permissions(
        _ unassigned: SharedValue<Bool>, _ applications: FakeApplications
    ) -> any CallChannel {
        var table = MethodTable()
        applications.add(to: &table)
        table.answer(PermissionsMethods.getAccess) { (_: PermissionGetAccessRequest, _) in
            var answer = PermissionGetAccessResponse()
            var access = PermissionGetAccessResponse.AccountAccess()
            access.account.accountID = accountID
            access.account.name = "Production"
            access.account.email = "production@example.com"
            var role = PermissionGetAccessResponse.Role()
            role.permissionSetName = "ReadOnly"
            role.description_p = "Look, do not touch"
            access.roles = [role]
            answer.accounts = [access]
            answer.applications = [
                application("Wiki", "https://wiki.example"),
                application("Trap", "javascript:alert(1)"),
                hiddenApplication,
            ]
            return answer
        }
        table.answer(PermissionsMethods.describeRoles) {
            (request: PermissionDescribeRolesRequest, _) in
            var answer = PermissionDescribeRolesResponse()
            answer.roles = request.roles.filter {
                $0.accountID == accountID && ["ReadOnly", "Admin"].contains($0.permissionSetName)
            }.map { role(named: $0.permissionSetName) }
            return answer
        }
        table.answer(PermissionsMethods.checkRole) { (request: PermissionCheckRoleRequest, _) in
            guard request.accountID == accountID, request.permissionSetName == "ReadOnly",
                !unassigned.value
            else {
                throw RPCError(
                    .permissionDenied, reason: "ROLE_NOT_ASSIGNED", message: "not assigned")
            }
            var answer = role(named: "ReadOnly")
            answer.permissionSet.managedPolicyArns = [
                "arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/NotKnownHere",
            ]
            return answer
        }
        return table.channel
    }

    private static func role(named name: String) -> PermissionCheckRoleResponse {
        var role = PermissionCheckRoleResponse()
        role.account.accountID = accountID
        role.account.name = "Production"
        role.permissionSet.name = name
        role.permissionSet.sessionDurationSeconds = 3_600
        role.roleName = "AWSReservedSSO_\(name)_0123456789abcdef"
        role.roleArn =
            "arn:aws:iam::\(accountID):role/aws-reserved/sso.amazonaws.com/"
            + "eu-central-1/\(role.roleName)"
        return role
    }

    private static var hiddenApplication: PermissionApplication {
        var application = application("Ledger", "https://ledger.example")
        application.hidden = true
        return application
    }

    static func application(_ name: String, _ url: String) -> PermissionApplication {
        var application = PermissionApplication()
        application.name = name
        application.startURL = url
        application.region = "us-east-1"
        return application
    }

    static func coordinator(_ added: SharedValue<[String]>) -> any CallChannel {
        typealias Methods = CoordinatorInstanceAdministrationMethods
        var table = MethodTable()
        table.answer(Methods.getReplicationStatus) {
            (_: CoordinatorGetReplicationStatusRequest, _) in
            var answer = CoordinatorGetReplicationStatusResponse()
            var replica = CoordinatorGetReplicationStatusResponse.ReplicaStatus()
            replica.region = "us-east-1"
            replica.connected = true
            replica.lagUs = 12_000
            answer.replicas = [replica]
            return answer
        }
        table.answer(Methods.listAvailableRegions) {
            (_: CoordinatorListAvailableRegionsRequest, _) in
            var answer = CoordinatorListAvailableRegionsResponse()
            var region = CoordinatorListAvailableRegionsResponse.AvailableRegion()
            region.name = "eu-west-1"
            region.reachable = true
            var problem = CoordinatorProblem()
            problem.code = "KEY_REPLICA_MISSING"
            problem.message = "The key has no replica in eu-west-1."
            problem.remedy = "portolan key replicate mrk-1 --to eu-west-1"
            region.problems = [problem]
            answer.regions = [region]
            return answer
        }
        table.answer(Methods.addRegion) {
            (request: CoordinatorAddRegionRequest, _) throws -> CoordinatorAddRegionResponse in
            added.value.append(request.region)
            throw RPCError(
                .failedPrecondition, reason: "REGION_PRECONDITIONS_FAILED", message: "Not yet.",
                metadata: ["problem-1": "KEY_REPLICA_MISSING: no replica in eu-west-1"])
        }
        table.answer(Methods.describeRegion) { (request: CoordinatorDescribeRegionRequest, _) in
            var answer = CoordinatorDescribeRegionResponse()
            answer.region.name = request.region
            answer.region.status = .adding
            answer.progress.entriesTotal = 40_000
            answer.progress.entriesCopied = 10_000
            answer.progress.entriesPerSecond = 5_000
            answer.progress.remainingMs = 6_000
            return answer
        }
        table.answer(TrailMethods.lookUp) { (_: TrailLookUpRequest, _) in
            var answer = TrailLookUpResponse()
            var event = TrailRecordedEvent()
            event.event.eventName = "UserAuthentication"
            answer.events = [event]
            return answer
        }
        return table.channel
    }
}
