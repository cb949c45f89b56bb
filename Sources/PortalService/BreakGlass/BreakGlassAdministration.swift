import Contracts
import Foundation
import RPC
import ServiceKit

/// Break-glass users and grants as operators reach them by RPC.
struct BreakGlassAdministration: PortalBreakGlassHandler {
    let desk: BreakGlassDesk
    let grants: GrantDesk
    let access: PersonAccess
    let trail: any TrailRecorder
    let configuration: RegionConfiguration

    func createBreakGlassUser(
        _ request: PortalCreateBreakGlassUserRequest, context: ServerContext
    ) async throws -> PortalCreateBreakGlassUserResponse {
        let (name, actor) = try caller(context)
        var user = PortalBreakGlassUser()
        user.name = request.name
        user.displayName = request.displayName
        user.operatorName = request.operatorName
        user.roles = request.roles
        user.maxGrantSeconds = request.maxGrantSeconds
        try await requireExisting(user.roles)
        let count = Int(request.enrolments)
        let made = try await desk.create(user, enrolments: count, issuedBy: name) {
            BreakGlassEvents.administration(
                "CreateBreakGlassUser", $0, actor: actor, more: ["enrolments": count])
        }
        var answer = PortalCreateBreakGlassUserResponse()
        answer.user = made.user
        answer.enrolments = made.enrolments
        return answer
    }

    func listBreakGlassUsers(
        _ request: PortalListBreakGlassUsersRequest, context: ServerContext
    ) async throws -> PortalListBreakGlassUsersResponse {
        var answer = PortalListBreakGlassUsersResponse()
        answer.users = try desk.list()
        return answer
    }

    func updateBreakGlassUser(
        _ request: PortalUpdateBreakGlassUserRequest, context: ServerContext
    ) async throws -> PortalUpdateBreakGlassUserResponse {
        let (_, actor) = try caller(context)
        try await requireExisting(request.roles)
        var answer = PortalUpdateBreakGlassUserResponse()
        answer.user = try await desk.update(
            request.user,
            event: { BreakGlassEvents.administration("UpdateBreakGlassUser", $0, actor: actor) },
            change: { record in
                if request.hasEnabled { record.user.enabled = request.enabled }
                if !request.roles.isEmpty { record.user.roles = request.roles }
                if request.hasMaxGrantSeconds {
                    record.user.maxGrantSeconds = request.maxGrantSeconds
                }
                if request.hasDisplayName { record.user.displayName = request.displayName }
                if request.hasOperatorName { record.user.operatorName = request.operatorName }
            })
        return answer
    }

    func deleteBreakGlassUser(
        _ request: PortalDeleteBreakGlassUserRequest, context: ServerContext
    ) async throws -> PortalDeleteBreakGlassUserResponse {
        let (_, actor) = try caller(context)
        try await desk.delete(request.user) {
            BreakGlassEvents.administration("DeleteBreakGlassUser", $0, actor: actor)
        }
        return PortalDeleteBreakGlassUserResponse()
    }

    func createSecurityKeyEnrolment(
        _ request: PortalCreateSecurityKeyEnrolmentRequest, context: ServerContext
    ) async throws -> PortalCreateSecurityKeyEnrolmentResponse {
        let (name, actor) = try caller(context)
        var answer = PortalCreateSecurityKeyEnrolmentResponse()
        answer.enrolment = try await desk.enrol(request.user, issuedBy: name) {
            BreakGlassEvents.administration("CreateSecurityKeyEnrolment", $0, actor: actor)
        }
        return answer
    }

    func removeSecurityKey(
        _ request: PortalRemoveSecurityKeyRequest, context: ServerContext
    ) async throws -> PortalRemoveSecurityKeyResponse {
        let (_, actor) = try caller(context)
        let id = request.credentialID
        _ = try await desk.update(
            request.user,
            event: {
                BreakGlassEvents.administration(
                    "RemoveSecurityKey", $0, actor: actor,
                    more: ["credentialId": Base64URL.encode(id)])
            },
            change: { record in
                guard record.user.keys.contains(where: { $0.credentialID == id }) else {
                    throw RPCError(
                        .notFound, reason: "SECURITY_KEY_NOT_FOUND",
                        message: "The user has no such key.")
                }
                record.user.keys.removeAll { $0.credentialID == id }
            })
        return PortalRemoveSecurityKeyResponse()
    }

    func listBreakGlassGrants(
        _ request: PortalListBreakGlassGrantsRequest, context: ServerContext
    ) async throws -> PortalListBreakGlassGrantsResponse {
        guard request.limit <= 1_000 else {
            throw RPCError(
                .invalidArgument, reason: "LIMIT", message: "limit is at most 1000.")
        }
        let all = try grants.list()
        var answer = PortalListBreakGlassGrantsResponse()
        answer.open = UInt32(all.count { $0.state == .open })
        answer.unreviewed = UInt32(all.count { $0.state == .unreviewed })
        answer.grants = Array(
            all.filter { request.state == .unspecified || $0.state == request.state }
                .prefix(request.limit == 0 ? 100 : Int(request.limit)))
        return answer
    }

    func reviewBreakGlassGrant(
        _ request: PortalReviewBreakGlassGrantRequest, context: ServerContext
    ) async throws -> PortalReviewBreakGlassGrantResponse {
        let (name, actor) = try caller(context)
        let event: @Sendable (String) -> TrailEvent = {
            BreakGlassEvents.administration(
                "ReviewBreakGlassGrant", $0, actor: actor, more: ["note": request.note])
        }
        var answer = PortalReviewBreakGlassGrantResponse()
        do {
            answer.grant = try await grants.review(
                request.grantID, note: request.note, by: name, event: { event($0.grantID) })
        } catch let error as RPCError where error.reason == "OWN_GRANT" {
            var refused = event(request.grantID)
            refused.errorCode = error.reason
            try await trail.record([refused])
            throw error
        }
        return answer
    }

    func revokeBreakGlassGrant(
        _ request: PortalRevokeBreakGlassGrantRequest, context: ServerContext
    ) async throws -> PortalRevokeBreakGlassGrantResponse {
        let (_, actor) = try caller(context)
        var answer = PortalRevokeBreakGlassGrantResponse()
        answer.position = try await grants.revoke(request.grantID) {
            BreakGlassEvents.administration(
                "RevokeBreakGlassGrant", $0.grantID, actor: actor,
                more: ["userName": $0.userName])
        }
        return answer
    }

    private func caller(_ context: ServerContext) throws -> (name: String, actor: TrailActor) {
        guard case .operator(let name) = context.peer else {
            throw RPCError(
                .permissionDenied, reason: "NOT_AN_OPERATOR",
                message: "Emergency access is administered by operators.")
        }
        let actor = context.actor(
            accountID: configuration.accountID, region: configuration.region)
        return (name, actor)
    }

    /// Throws: INVALID_ARGUMENT ROLE_UNKNOWN, naming it: a typing error would show in the emergency only.
    private func requireExisting(_ roles: [PortalBreakGlassRole]) async throws {
        guard !roles.isEmpty else { return }
        let known = try await access.describe(
            Array(roles.prefix(BreakGlassRules.rolesMax)),
            CallOptions(timeout: .seconds(5)))
        let missing = roles.first { role in
            !known.contains {
                $0.account.accountID == role.accountID
                    && $0.permissionSet.name == role.permissionSetName
            }
        }
        guard let missing else { return }
        throw BreakGlassRules.invalid(
            "ROLE_UNKNOWN",
            "There is no account \(missing.accountID.prefix(12)) with a permission set "
                + "\(missing.permissionSetName.prefix(32)).")
    }
}
