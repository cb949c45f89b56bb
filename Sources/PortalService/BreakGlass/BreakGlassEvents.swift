import Contracts
import ServiceKit

/// The events of access in an emergency. AWS has no such thing, so the names are this system's; the
/// shape is CloudTrail's, as that of other sign-ins.
enum BreakGlassEvents {
    static let userGone = "user-disabled"
    private static let signIn = "signin.amazonaws.com"
    private static let access = "sso.amazonaws.com"

    /// A key was used as it should be, and what it opens.
    static func opened(
        _ grant: PortalBreakGlassGrant, askedSeconds: Int, loginTo: String, actor: TrailActor
    ) -> [TrailEvent] {
        [
            TrailEvent(
                name: "BreakGlassAuthentication", source: signIn, actor: actor,
                type: "AwsServiceEvent",
                additional: [
                    "AuthWorkflowID": grant.grantID, "CredentialType": "SECURITY_KEY",
                    "LoginTo": loginTo, "UserName": grant.userName,
                    "CredentialId": Base64URL.encode(grant.credentialID),
                ], serviceDetails: ["BreakGlassAuthentication": "Success"]),
            TrailEvent(
                name: "OpenBreakGlassGrant", source: access, actor: actor, type: "AwsServiceEvent",
                request: [
                    "reason": grant.reason, "askedSeconds": askedSeconds,
                    "durationSeconds": (grant.expiresAtUs - grant.openedAtUs) / 1_000_000,
                ], response: ["grantId": grant.grantID, "roles": roles(grant.roles)]),
        ]
    }

    /// An attempt that failed. The name is not recorded when nobody has it: it may be a password.
    static func refused(
        _ code: String, user: PortalBreakGlassUser?, loginTo: String, actor: TrailActor
    ) -> TrailEvent {
        var actor = actor
        var additional: [String: any Sendable] = [
            "CredentialType": "SECURITY_KEY", "LoginTo": loginTo,
        ]
        if let user {
            additional["UserName"] = user.name
            actor.name(user)
        }
        var event = TrailEvent(
            name: "BreakGlassAuthentication", source: signIn, actor: actor,
            type: "AwsServiceEvent", additional: additional,
            serviceDetails: ["BreakGlassAuthentication": "Failure"])
        event.errorCode = code
        return event
    }

    static func ended(_ grant: PortalBreakGlassGrant, actor: TrailActor) -> TrailEvent {
        TrailEvent(
            name: "EndBreakGlassGrant", source: access, actor: actor, type: "AwsServiceEvent",
            request: ["grantId": grant.grantID, "cause": grant.endCause])
    }

    /// A key was enrolled, or could not be.
    static func enrolled(
        _ user: PortalBreakGlassUser, _ key: PortalSecurityKey, actor: TrailActor
    ) -> TrailEvent {
        var actor = actor
        actor.name(user)
        return TrailEvent(
            name: "RegisterSecurityKey", source: access, actor: actor,
            request: [
                "userName": user.name, "credentialId": Base64URL.encode(key.credentialID),
                "algorithm": Int(key.algorithm), "enrolledBy": key.enrolledBy,
            ])
    }

    static func enrolmentRefused(_ code: String, actor: TrailActor) -> TrailEvent {
        var event = TrailEvent(name: "RegisterSecurityKey", source: access, actor: actor)
        event.errorCode = code
        return event
    }

    /// What an operator does to a user.
    static func administration(
        _ name: String, _ user: PortalBreakGlassUser, actor: TrailActor,
        more: [String: any Sendable] = [:]
    ) -> TrailEvent {
        let request: [String: any Sendable] = [
            "userName": user.name, "userId": user.userID, "enabled": user.enabled,
            "operatorName": user.operatorName, "maxGrantSeconds": Int(user.maxGrantSeconds),
            "roles": roles(user.roles),
        ]
        return TrailEvent(
            name: name, source: access, actor: actor,
            request: request.merging(more) { _, new in new })
    }

    /// What an operator does to a grant.
    static func administration(
        _ name: String, _ grantID: String, actor: TrailActor, more: [String: any Sendable] = [:]
    ) -> TrailEvent {
        TrailEvent(
            name: name, source: access, actor: actor,
            request: ["grantId": grantID].merging(more) { _, new in new })
    }

    private static func roles(_ roles: [PortalBreakGlassRole]) -> [String] {
        roles.map { "\($0.accountID)/\($0.permissionSetName)" }
    }
}

extension TrailActor {
    /// Somebody who is set up for emergencies; nobody of the identity store.
    mutating func name(_ user: PortalBreakGlassUser) {
        type = "BreakGlassUser"
        userName = user.name
        principalID = user.userID
        identityStoreArn = ""
    }
}
