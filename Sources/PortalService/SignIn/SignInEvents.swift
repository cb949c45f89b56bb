import Contracts
import ServiceKit

/// The events of a sign-in, as CloudTrail names them. One workflow ID joins them.
struct SignInEvents: Sendable {
    let workflowID: String
    let loginTo: String

    /// Challenge, result and entry of a sign-in that succeeded.
    func success(_ actor: TrailActor, userName: String) -> [TrailEvent] {
        let additional: [String: any Sendable] = [
            "AuthWorkflowID": workflowID, "CredentialType": "EXTERNAL_IDP",
            "LoginTo": loginTo,
        ]
        var named = additional
        named["UserName"] = userName
        return [
            event("CredentialChallenge", actor, additional, ["CredentialChallenge": "Success"]),
            event("UserAuthentication", actor, named, ["UserAuthentication": "Success"]),
            TrailEvent(
                name: "Authenticate", source: "sso.amazonaws.com", actor: actor,
                type: "AwsServiceEvent", additional: ["AuthWorkflowID": workflowID]),
        ]
    }

    /// An assertion that was refused: only its code is recorded.
    func refusedAssertion(_ actor: TrailActor, code: String) -> [TrailEvent] {
        var event = TrailEvent(
            name: "ExternalIdPDirectoryLogin", source: "signin.amazonaws.com", actor: actor,
            type: "AwsServiceEvent", response: ["ExternalIdPDirectoryLogin": "Failure"],
            additional: ["AuthWorkflowID": workflowID, "LoginTo": loginTo])
        event.errorCode = code
        return [event, failure(actor, code: code)]
    }

    /// A good assertion for somebody who may not sign in. The name is not recorded when unknown.
    func refusedUser(_ actor: TrailActor, code: String) -> [TrailEvent] {
        [failure(actor, code: code)]
    }

    private func failure(_ actor: TrailActor, code: String) -> TrailEvent {
        var failure = event(
            "UserAuthentication", actor,
            [
                "AuthWorkflowID": workflowID, "CredentialType": "EXTERNAL_IDP",
                "LoginTo": loginTo,
            ], ["UserAuthentication": "Failure"])
        failure.errorCode = code
        return failure
    }

    private func event(
        _ name: String, _ actor: TrailActor, _ additional: [String: any Sendable],
        _ details: [String: any Sendable]
    ) -> TrailEvent {
        TrailEvent(
            name: name, source: "signin.amazonaws.com", actor: actor, type: "AwsServiceEvent",
            additional: additional, serviceDetails: details)
    }
}
