import AccessPolicy
import Contracts
import Foundation
import RPC

/// Asks a caller's identity policies, for APIs whose resources have no policies of their own.
struct IdentityAuthorizer: Sendable {
    /// The management account, which owns the instance.
    let accountID: String
    let region: String
    let now: @Sendable () -> Date

    /// Requires that the caller may perform an action on each of some resources.
    ///
    /// Throws: `AWSError` AccessDeniedException, naming what is missing.
    func require(_ action: PolicyAction, on resources: [String], _ call: AWSCall) throws {
        let caller = call.caller
        guard caller.accountID == accountID else {
            throw Self.denied(caller, action, "the instance belongs to account \(accountID)")
        }
        let policies: IdentityPolicies
        do {
            policies = try IdentityPolicies(json: caller.identityPolicies)
        } catch let error as PolicyError {
            throw Self.denied(caller, action, "a policy cannot be evaluated. \(error)")
        }
        for resource in resources {
            let decision = policies.evaluate(
                PolicyRequest(
                    principal: .account(
                        .init(
                            arn: caller.arn, accountID: caller.accountID,
                            roleARN: caller.roleARN.isEmpty ? nil : caller.roleARN,
                            identityPoliciesAllow: false)),
                    action: action, resource: resource,
                    context: PolicyContext(lowercased: [:], over: [keys(call)])))
            guard decision.isAllowed else {
                throw Self.denied(caller, action, decision.explanation)
            }
        }
    }

    private func keys(_ call: AWSCall) -> PolicyContext.Layer {
        let caller = call.caller
        let seconds = String(Int64(now().timeIntervalSince1970))
        var keys: PolicyContext.Layer = [
            "aws:principalarn": [caller.roleARN.isEmpty ? caller.arn : caller.roleARN],
            "aws:principalaccount": [caller.accountID],
            "aws:principaltype": [caller.person == nil ? "User" : "AssumedRole"],
            "aws:principalisawsservice": ["false"], "aws:userid": [caller.userID],
            "aws:requestedregion": [region], "aws:securetransport": ["true"],
            "aws:epochtime": [seconds], "aws:currenttime": [seconds],
        ]
        if call.sourceAddress != "unknown" { keys["aws:sourceip"] = [call.sourceAddress] }
        if caller.person == nil { keys["aws:username"] = [caller.name] }
        return keys
    }

    private static func denied(
        _ caller: AWSCaller, _ action: PolicyAction, _ why: String
    ) -> AWSError {
        AWSError(
            "AccessDeniedException", "\(caller.arn) may not perform \(action.name): \(why).")
    }
}
