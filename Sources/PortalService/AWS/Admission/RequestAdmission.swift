import Contracts
import Foundation
import Hummingbird
import NIOCore
import RPC
import ServiceKit
import SwiftProtobuf

/// The one place where signed requests are let in, for every AWS-compatible API.
///
/// Nothing of a request is believed before its signature has been found good; then the session must
/// not have been ended, and the role must still be the person's. So a revocation counts at once,
/// although nothing is stored per credential.
struct RequestAdmission: Sendable {
    let instance: InstanceWatch
    let issuer: CredentialIssuer
    let sessions: any RecordLog<SessionState>
    let access: PersonAccess
    let configuration: RegionConfiguration
    let now: @Sendable () -> Date

    /// Which signatures an API takes.
    struct Expectation: Sendable {
        /// Signing names, such as "kms".
        let services: Set<String>
        /// Whether the scope may name another Region, as for services with a global endpoint.
        var anyRegion = false
    }

    /// Throws `AdmissionRefusal`, `PortalFailure` without an instance, and what the Region's
    /// services say when they cannot be asked.
    func admit(
        _ request: Request, body: ByteBuffer, _ expectation: Expectation
    ) async throws -> AWSCaller {
        let signature = try UnverifiedSignature(request)
        try signature.checkTime(now: now())
        try check(signature.scope, expectation)
        let snapshot = try instance.required()
        guard
            let identity = try await issuer.identity(
                token: signature.sessionToken, instance: snapshot),
            identity.accessKeyID == signature.accessKeyID
        else { throw AdmissionRefusal.unknownCredentials }
        guard signature.isValid(request, body: body, secretAccessKey: identity.secretAccessKey)
        else { throw AdmissionRefusal.mismatch }
        guard !identity.hasEnded else { throw AdmissionRefusal.ended }
        switch identity.holder {
        case .role(let claims): return try await person(claims)
        case .administrator(let claims): return try administrator(claims)
        }
    }

    private func check(_ scope: SigningScope, _ expectation: Expectation) throws {
        guard expectation.services.contains(scope.service) else {
            let names = expectation.services.sorted().map { "'\($0)'" }.joined(separator: " or ")
            throw AdmissionRefusal.wrongScope(
                "Credential should be scoped to correct service: \(names).")
        }
        guard expectation.anyRegion || scope.region == configuration.region else {
            throw AdmissionRefusal.wrongScope(
                "Credential should be scoped to a valid Region: '\(configuration.region)'.")
        }
    }

    private func person(_ claims: RoleClaims) async throws -> AWSCaller {
        guard try !sessions.read({ $0.isRevoked(claims.sid) }) else { throw AdmissionRefusal.ended }
        let checked: PermissionCheckRoleResponse
        do {
            checked = try await access.role(
                claims.permissionSetName, in: claims.account, of: claims.sub,
                options: CallOptions(timeout: .seconds(5)))
        } catch let error as RPCError where [.permissionDenied, .notFound].contains(error.code) {
            throw AdmissionRefusal.ended
        }
        // A permission set that was made anew under the same name is another role.
        guard checked.roleName == claims.role else { throw AdmissionRefusal.ended }
        return AWSCaller(
            claims, identityPolicies: CallerPolicies.documents(checked.permissionSet))
    }

    private func administrator(_ claims: OperatorClaims) throws -> AWSCaller {
        guard let roles = configuration.operatorRoles[claims.name], !roles.isEmpty else {
            throw AdmissionRefusal.ended
        }
        return AWSCaller(
            claims, accountID: configuration.accountID,
            identityPolicies: CallerPolicies.documents(operatorRoles: roles))
    }
}
