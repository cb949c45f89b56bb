import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import RPC
import ServiceKit

/// `POST /` in the AWS Query protocol: GetCallerIdentity, which proves role credentials.
struct TokenService: Sendable {
    static let bodyBytesMax = 16 << 10
    let instance: InstanceWatch
    let issuer: CredentialIssuer
    let trail: any TrailRecorder
    let pages: Pages
    let now: @Sendable () -> Date
    let refusals = RefusalBudget()

    func add(to router: Router<PortalContext>) {
        router.post("/") { request, context in
            do {
                return try await answer(request, context)
            } catch let error as QueryError {
                return try refusal(error, context)
            } catch let failure as PortalFailure {
                return try refusal(
                    QueryError(failure.status, failure.code, failure.message), context)
            } catch {
                context.logger.error(
                    "a query request failed", metadata: ["error": "\(error)"])
                return try refusal(
                    QueryError(
                        .serviceUnavailable, "ServiceUnavailable",
                        "A part of this Region does not answer."), context)
            }
        }
    }

    private struct QueryError: Error {
        let status: HTTPResponse.Status
        let code: String
        let message: String

        init(_ status: HTTPResponse.Status, _ code: String, _ message: String) {
            self.status = status
            self.code = code
            self.message = message
        }
    }

    private func answer(_ request: Request, _ context: PortalContext) async throws -> Response {
        let body = try await request.boundedBody(Self.bodyBytesMax)
        let form = try Form(encoded: String(buffer: body))
        guard form["Action"] == "GetCallerIdentity" else {
            throw QueryError(
                .badRequest, "UnknownAction", "This endpoint answers GetCallerIdentity.")
        }
        let claims = try await caller(request, body).claims
        let snapshot = try instance.required()
        var actor = TrailActor.edge(request, context, snapshot)
        actor.type = "AssumedRole"
        actor.userName = claims.name
        actor.accountID = claims.account
        actor.principalID = principal(claims)
        actor.onBehalfOfUserID = claims.sub
        actor.credentialID = claims.accessKeyID
        try await trail.record([
            TrailEvent(
                name: "GetCallerIdentity", source: "sts.amazonaws.com", actor: actor,
                readOnly: true)
        ])
        let text = try pages.render(
            "query/get-caller-identity",
            [
                "arn": "arn:aws:sts::\(claims.account):assumed-role/\(claims.role)/\(claims.name)",
                "userID": principal(claims), "account": claims.account,
                "requestID": context.requestID,
            ])
        return xml(text, .ok)
    }

    private func caller(_ request: Request, _ body: ByteBuffer) async throws -> RoleIdentity {
        guard let signature = UnverifiedSignature(request) else {
            throw QueryError(
                .forbidden, "MissingAuthenticationToken",
                "The request is not signed with Signature Version 4.")
        }
        guard signature.isTimely(now: now()) else {
            throw QueryError(
                .forbidden, "SignatureDoesNotMatch",
                "Signature expired: its time is more than 15 minutes from this Region’s clock.")
        }
        let snapshot = try instance.required()
        guard
            let identity = try await issuer.identity(
                token: signature.sessionToken, instance: snapshot),
            identity.claims.accessKeyID == signature.accessKeyID
        else {
            throw QueryError(
                .forbidden, "InvalidClientTokenId",
                "The security token included in the request is invalid or has expired.")
        }
        guard
            signature.isValid(
                request, body: body, secretAccessKey: identity.secretAccessKey)
        else {
            throw QueryError(
                .forbidden, "SignatureDoesNotMatch",
                "The signature does not fit the request and the secret access key.")
        }
        return identity
    }

    /// "AROA" and 17 letters that stay the same for a role, then the session's name.
    private func principal(_ claims: RoleClaims) -> String {
        let letters = CredentialIssuer.base32(Array(hexHash(claims.roleARN).utf8).prefix(17))
        return "AROA\(letters):\(claims.name)"
    }

    private func refusal(_ error: QueryError, _ context: PortalContext) throws -> Response {
        let text = try pages.render(
            "query/error",
            [
                "type": error.status.kind == .serverError ? "Receiver" : "Sender",
                "code": error.code, "message": error.message, "requestID": context.requestID,
            ])
        return xml(text, error.status)
    }

    private func xml(_ text: String, _ status: HTTPResponse.Status) -> Response {
        Response(
            status: status, headers: [.contentType: "text/xml"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
