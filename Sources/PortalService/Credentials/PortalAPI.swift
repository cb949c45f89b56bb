import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import RPC
import ServiceKit

/// The AWS access portal API (`sso` in botocore): accounts, roles, credentials, sign-out.
///
/// The bearer is an access token or a session token, in the header `x-amz-sso_bearer_token`. Cookies do
/// not count here, so no page of another site can call it.
struct PortalAPI: Sendable {
    let authenticator: Authenticator
    let issuer: CredentialIssuer
    let access: PersonAccess
    let signIn: SignInRoutes
    let trail: any TrailRecorder

    struct APIError: Error {
        let status: HTTPResponse.Status
        let type: String
        let message: String

        static let unauthorized = APIError(
            status: .unauthorized, type: "UnauthorizedException",
            message: "Session token not found or invalid")
        static let noAccess = APIError(
            status: .forbidden, type: "ForbiddenException", message: "No access")

        static func invalid(_ message: String) -> APIError {
            APIError(status: .badRequest, type: "InvalidRequestException", message: message)
        }
    }

    func add(to router: Router<PortalContext>) {
        router.get("assignment/accounts") { try await answer($0, $1, accounts) }
        router.get("assignment/roles") { try await answer($0, $1, roles) }
        router.get("federation/credentials") { request, context in
            await refusing(context) { try await credentials(request, context) }
        }
        router.post("logout") { request, context in
            try await answer(request, context) { call in
                try await signIn.end(call.person, call.request, call.context)
                return nil
            }
        }
    }

    /// What is read for a call is recorded here, so the services need not be told for whom.
    private static var reading: CallOptions { CallOptions(timeout: .seconds(10)) }

    struct Call: Sendable {
        let person: SignedInPerson
        let request: Request
        let context: PortalContext
        let query: Form

        var actor: TrailActor { person.actor(request, context) }
    }

    private func answer(
        _ request: Request, _ context: PortalContext,
        _ body: (Call) async throws -> [String: any Sendable]?
    ) async throws -> Response {
        await refusing(context) {
            guard let token = request.headers[.bearerToken],
                let person = try await authenticator.person(bearer: token)
            else { throw APIError.unauthorized }
            let query = try request.queryForm()
            let result = try await body(
                Call(person: person, request: request, context: context, query: query))
            guard let result else {
                return Response(status: .ok, headers: [.contentLength: "0"])
            }
            return json(result, .ok)
        }
    }

    private func refusing(
        _ context: PortalContext, _ body: () async throws -> Response
    ) async -> Response {
        do { return try await body() } catch { return refusal(error, context) }
    }

    private func accounts(_ call: Call) async throws -> [String: any Sendable]? {
        let access = try await access.of(call.person, options: Self.reading)
        try await record("ListAccounts", call)
        let rows: [[String: any Sendable]] = access.accounts.map {
            [
                "accountId": $0.account.accountID, "accountName": $0.account.name,
                "emailAddress": $0.account.email,
            ]
        }
        return try page(rows, "accountList", call.query)
    }

    private func roles(_ call: Call) async throws -> [String: any Sendable]? {
        let account = call.query["account_id"]
        guard !account.isEmpty else { throw APIError.invalid("account_id is missing") }
        let access = try await access.of(call.person, options: Self.reading)
        guard let found = access.accounts.first(where: { $0.account.accountID == account }) else {
            throw APIError.noAccess
        }
        try await record("ListAccountRoles", call)
        let rows: [[String: any Sendable]] = found.roles.map {
            ["roleName": $0.permissionSetName, "accountId": account]
        }
        return try page(rows, "roleList", call.query)
    }

    /// Person and role are asked for at once. Who may not sign in is told so, whatever they ask for.
    private func credentials(
        _ request: Request, _ context: PortalContext
    ) async throws -> Response {
        guard let token = request.headers[.bearerToken],
            let claims = try await authenticator.claims(bearer: token)
        else { throw APIError.unauthorized }
        let query = Result { try request.queryForm() }
        let asked = (try? query.get()) ?? Form()
        let (account, role) = (asked["account_id"], asked["role_name"])
        async let checked = access.role(role, in: account, of: claims.sub, options: Self.reading)
        guard let person = try await authenticator.person(of: claims, token: token) else {
            throw APIError.unauthorized
        }
        _ = try query.get()
        guard !account.isEmpty, !role.isEmpty else {
            throw APIError.invalid("account_id and role_name are needed")
        }
        let issued = try await issuer.issue(
            try await checked, to: person, account: account, role: role,
            actor: person.actor(request, context))
        let values: [String: any Sendable] = [
            "accessKeyId": issued.accessKeyID, "secretAccessKey": issued.secretAccessKey,
            "sessionToken": issued.sessionToken,
            "expiration": Int64(issued.expires.timeIntervalSince1970) * 1_000,
        ]
        return json(["roleCredentials": values], .ok)
    }

    private func record(_ name: String, _ call: Call) async throws {
        try await trail.record([
            TrailEvent(
                name: name, source: "sso.amazonaws.com", actor: call.actor, readOnly: true,
                type: "AwsServiceEvent")
        ])
    }

    private func page(
        _ rows: [[String: any Sendable]], _ name: String, _ query: Form
    ) throws -> [String: any Sendable] {
        let size = query.has("max_result") ? Int(query["max_result"]) : 100
        let start = query["next_token"].isEmpty ? 0 : Int(query["next_token"])
        guard let size, (1...100).contains(size), let start, (0...rows.count).contains(start) else {
            throw APIError.invalid("max_result is 1 to 100; next_token comes from an answer")
        }
        let part = Array(rows.dropFirst(start).prefix(size))
        var answer: [String: any Sendable] = [name: part]
        if start + size < rows.count { answer["nextToken"] = String(start + size) }
        return answer
    }

    private func refusal(_ error: any Error, _ context: PortalContext) -> Response {
        let refusal: APIError
        switch error {
        case let error as APIError: refusal = error
        case let error as RPCError where error.code == .permissionDenied: refusal = .noAccess
        case let error as RPCError where error.code == .notFound: refusal = .noAccess
        case let error as RPCError where error.code == .invalidArgument:
            refusal = .invalid(error.message)
        case let failure as PortalFailure where failure.status.kind == .clientError:
            refusal = .invalid(failure.message)
        default:
            context.logger.error("a portal API call failed", metadata: ["error": "\(error)"])
            refusal = APIError(
                status: .serviceUnavailable, type: "ServiceUnavailableException",
                message: "A part of this Region does not answer")
        }
        var response = json(["message": refusal.message], refusal.status)
        response.headers[.amazonErrorType] = refusal.type
        return response
    }

    private func json(
        _ object: [String: any Sendable], _ status: HTTPResponse.Status
    ) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(string: JSONText.text(object))))
    }
}
