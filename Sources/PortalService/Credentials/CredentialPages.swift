import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import RPC

/// `/credentials`: keys of one role, to copy.
struct CredentialPages: Sendable {
    let gate: PersonGate
    let issuer: CredentialIssuer
    let pages: Pages
    /// https URL of this portal.
    let portalURL: String

    func add(to router: Router<PortalContext>) {
        router.post("credentials") { request, context in
            try await gate.form(request) { person, form in
                try await show(person, form, request, context)
            }
        }
        // A reload or a bookmark of the page: the keys are not shown again.
        router.get("credentials") { _, _ in Response.redirect("/start") }
    }

    private func show(
        _ person: SignedInPerson, _ form: Form, _ request: Request, _ context: PortalContext
    ) async throws -> Response {
        let credentials: RoleCredentials
        do {
            credentials = try await issuer.issue(
                to: person, account: form["account_id"], role: form["role"],
                actor: person.actor(request, context), options: person.options(request, context))
        } catch let error as RPCError
            where error.code == .permissionDenied || error.code == .notFound
        {
            throw PortalFailure(
                status: .forbidden, code: "ROLE_NOT_ASSIGNED",
                title: "You do not have this role",
                message: "It is not assigned to you in this account, or not any more.",
                action: ("Back to the access portal", "/start"), detail: error.reason)
        }
        let frame = gate.frame(
            "Credentials", person,
            isAdministrator: try await gate.authenticator.isAdministrator(person))
        return try pages.page(
            "credentials", frame,
            content: [
                "role": credentials.role.permissionSet.name,
                "accountName": credentials.role.account.name,
                "accountID": credentials.role.account.accountID,
                "roleARN": credentials.role.roleArn, "userName": person.user.userName,
                "accessKeyID": credentials.accessKeyID,
                "secretAccessKey": credentials.secretAccessKey,
                "sessionToken": credentials.sessionToken,
                "expires": Display.time(microseconds: credentials.expires.microseconds),
                "lifetime": Display.duration(milliseconds: credentials.seconds * 1_000),
                "endpoint": portalURL,
            ])
    }
}
