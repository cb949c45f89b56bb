import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RPC
import ServiceKit

/// The AWS Query protocol: GetCallerIdentity, which proves credentials.
struct TokenService: Sendable {
    static let bodyBytesMax = 16 << 10
    /// STS has a global endpoint, so SDKs may sign for another Region.
    private static let expectation = RequestAdmission.Expectation(
        services: ["sts"], anyRegion: true)

    let admission: RequestAdmission
    let trail: any TrailRecorder
    let pages: Pages

    /// Answers whatever comes: what is thrown becomes an error of the protocol.
    func answer(_ request: Request, _ context: PortalContext) async throws -> Response {
        do {
            return try await identity(request, context)
        } catch let error as QueryError {
            return try refusal(error, context)
        } catch let refusal as AdmissionRefusal {
            return try self.refusal(QueryError(refusal), context)
        } catch let failure as PortalFailure {
            return try refusal(QueryError(failure.status, failure.code, failure.message), context)
        } catch {
            context.logger.error("a query request failed", metadata: ["error": "\(error)"])
            return try refusal(
                QueryError(
                    .serviceUnavailable, "ServiceUnavailable",
                    "A part of this Region does not answer."), context)
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

        init(_ refusal: AdmissionRefusal) {
            let code =
                switch refusal {
                case .missing: "MissingAuthenticationToken"
                case .incomplete: "IncompleteSignature"
                case .notTimely, .wrongScope, .mismatch: "SignatureDoesNotMatch"
                case .unknownCredentials: "InvalidClientTokenId"
                case .ended: "ExpiredToken"
                }
            self.init(
                code == "IncompleteSignature" ? .badRequest : .forbidden, code, refusal.message)
        }
    }

    private func identity(_ request: Request, _ context: PortalContext) async throws -> Response {
        let body = try await request.boundedBody(Self.bodyBytesMax)
        let form = try Form(encoded: String(buffer: body))
        guard form["Action"] == "GetCallerIdentity" else {
            throw QueryError(
                .badRequest, "UnknownAction", "This endpoint answers GetCallerIdentity.")
        }
        let caller = try await admission.admit(request, body: body, Self.expectation)
        let actor = caller.actor(request, context, try admission.instance.required())
        try await trail.record([
            TrailEvent(
                name: "GetCallerIdentity", source: "sts.amazonaws.com", actor: actor,
                readOnly: true)
        ])
        let text = try pages.render(
            "query/get-caller-identity",
            [
                "arn": caller.arn, "userID": caller.userID, "account": caller.accountID,
                "requestID": context.requestID,
            ])
        return xml(text, .ok)
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
