import Contracts
import RPC
import ServiceKit

/// Keys for the AWS-compatible APIs in exchange for an operator's certificate, so that programs
/// need no long-lived keys (decision 10).
struct OperatorCredentials: PortalOperatorCredentialsHandler {
    let issuer: CredentialIssuer
    let instance: InstanceWatch
    let configuration: RegionConfiguration

    func issueCredentials(
        _ request: PortalIssueCredentialsRequest, context: ServerContext
    ) async throws -> PortalIssueCredentialsResponse {
        guard case .operator(let name) = context.peer else {
            throw RPCError(
                .permissionDenied, reason: "NOT_AN_OPERATOR",
                message: "Credentials are for operators.")
        }
        let seconds = request.durationSeconds == 0 ? 3_600 : Int64(request.durationSeconds)
        guard (900...43_200).contains(seconds) else {
            throw RPCError(
                .invalidArgument, reason: "DURATION_INVALID",
                message: "Credentials are for 900 to 43,200 seconds.")
        }
        guard let snapshot = instance.snapshot else {
            throw RPCError(
                .failedPrecondition, reason: "REGION_NOT_ENABLED",
                message: "This Region is not part of an instance.")
        }
        let actor = context.actor(
            accountID: configuration.accountID, region: configuration.region)
        let keys = try await issuer.issue(
            operatorName: name, seconds: seconds, actor: actor, instance: snapshot)
        var answer = PortalIssueCredentialsResponse()
        answer.accessKeyID = keys.claims.accessKeyID
        answer.secretAccessKey = keys.secretAccessKey
        answer.sessionToken = keys.sessionToken
        answer.expiresAtUs = keys.claims.exp * 1_000_000
        answer.arn = "arn:aws:iam::\(configuration.accountID):user/\(name)"
        answer.endpoint = configuration.portalURL
        return answer
    }
}
