import Contracts
import Foundation
import RPC
import ServiceKit

/// Role credentials for tools that hold a certificate and a person's session token.
struct CredentialAdministration: PortalCredentialsHandler {
    let authenticator: Authenticator
    let issuer: CredentialIssuer

    private static let tokenBytesMax = 8 << 10

    func getRoleCredentials(
        _ request: PortalGetRoleCredentialsRequest, context: ServerContext
    ) async throws -> PortalGetRoleCredentialsResponse {
        guard !request.sessionToken.isEmpty,
            request.sessionToken.utf8.count <= Self.tokenBytesMax
        else { throw Self.invalidSession }
        guard !request.accountID.isEmpty, !request.roleName.isEmpty else {
            throw RPCError(
                .invalidArgument, reason: "ACCOUNT_AND_ROLE",
                message: "account_id and role_name are needed.")
        }
        guard let person = try await person(request.sessionToken) else {
            throw Self.invalidSession
        }
        let actor = person.actor(context)
        let issued = try await issuer.issue(
            to: person, account: request.accountID, role: request.roleName, actor: actor,
            options: CallOptions(timeout: .seconds(10), metadata: CallActor.metadata(actor)))
        var answer = PortalGetRoleCredentialsResponse()
        answer.accessKeyID = issued.accessKeyID
        answer.secretAccessKey = issued.secretAccessKey
        answer.sessionToken = issued.sessionToken
        answer.expiresAtUs = issued.expires.microseconds
        return answer
    }

    /// A session that cannot be checked here may be good elsewhere, so the caller is told to ask
    /// another Region.
    private func person(_ token: String) async throws -> SignedInPerson? {
        do {
            return try await authenticator.person(bearer: token)
        } catch let failure as PortalFailure {
            throw RPCError(
                .unavailable, reason: "SESSION_UNCHECKED", message: failure.message, cause: failure)
        }
    }

    private static var invalidSession: RPCError {
        RPCError(
            .unauthenticated, reason: "SESSION_INVALID",
            message: "The session has ended or is none of this instance: sign in again.")
    }
}

extension SignedInPerson {
    /// The person in the trail, when a tool calls for them.
    fileprivate func actor(_ context: ServerContext) -> TrailActor {
        var actor = TrailActor()
        actor.accountID = instance.instance.ownerAccountID
        actor.identityStoreArn = instance.identityStoreARN
        name(in: &actor)
        actor.userAgent = "portolan-rpc/1 \(context.peer)"
        actor.requestID = context.requestID
        return actor
    }
}
