import AccessPolicy
import Contracts
import RPC
import ServiceKit

/// Calls the Region's keys service on behalf of somebody whose request was let in.
///
/// The keys service decides; what it has to know of the caller goes with each call. It believes
/// that of nobody but the portal of its own Region.
struct KeysGateway: Sendable {
    private static let timeout = Duration.seconds(20)

    let management: KeysKeyManagementClient
    let cryptography: KeysCryptographyClient

    /// Options of a call for the caller.
    ///
    /// Throws: `AWSError` when the caller's policies cannot be passed on; nothing is decided
    /// without them.
    func options(_ call: AWSCall) throws -> CallOptions {
        let metadata = try PrincipalDelegation.metadata(principal(call))
            .merging(CallActor.metadata(call.actor)) { delegation, _ in delegation }
        return CallOptions(timeout: Self.timeout, metadata: metadata)
    }

    private func principal(_ call: AWSCall) throws -> KeysDelegatedPrincipal {
        let caller = call.caller
        var principal = KeysDelegatedPrincipal()
        principal.principalArn = caller.arn
        principal.roleArn = caller.roleARN
        principal.userID = caller.userID
        principal.userName = caller.person == nil ? caller.name : ""
        principal.sourceIp = call.sourceAddress == "unknown" ? "" : call.sourceAddress
        principal.identityPolicies = try caller.identityPolicies.compactMap(Self.excerpt)
        return principal
    }

    /// What a policy says about keys. One that cannot be read may deny anything, so nothing is
    /// allowed then.
    private static func excerpt(_ policy: String) throws -> String? {
        do {
            return try PolicyDocument(json: policy, kind: .identity).excerpt(about: "kms")
        } catch let error as PolicyError {
            throw AWSError(
                "AccessDeniedException",
                "A policy of the permission set cannot be evaluated. \(error)")
        }
    }
}
