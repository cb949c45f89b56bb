import AccessPolicy
import RPC

/// Asks the policies before every operation. What nothing allows is denied.
struct KeyAuthorizer: Sendable {
    let configuration: KeyServiceConfiguration
    let now: @Sendable () -> Int64

    /// Whether the key's policy lets the caller perform the action.
    ///
    /// - Parameter keys: condition keys of this request, in lower case.
    func decide(
        _ caller: Caller, _ action: PolicyAction, on key: ActiveKey,
        keys: PolicyContext.Layer = [:]
    ) -> PolicyDecision {
        decide(
            caller, action, arn: key.arn, policy: key.policy,
            layers: [
                keys, key.conditionKeys, caller.conditionKeys,
            ])
    }

    /// Asks the key's policy, and its grants where the policy has nothing against it.
    ///
    /// - Parameter context: pairs of the encryption context, for constraints of grants.
    /// - Throws: AccessDeniedException, naming what is missing.
    func authorize(
        _ caller: Caller, _ action: PolicyAction, on key: ActiveKey,
        keys: PolicyContext.Layer = [:], context: [String: String] = [:]
    ) throws {
        let decision = decide(caller, action, on: key, keys: keys)
        switch decision {
        case .allowed: return
        case .implicitDeny where !key.stored.grants.isEmpty:
            let operation = String(action.name.dropFirst("kms:".count))
            let names = caller.grantNames
            if key.stored.grants.contains(where: {
                $0.allows(operation, to: names, context: context)
            }) {
                return
            }
            fallthrough
        case .implicitDeny, .explicitDeny:
            throw RPCError.accessDenied(
                caller.name, action.name, key.arn, why: decision.explanation)
        }
    }

    /// For operations that are about no key, such as CreateKey: identity policies decide.
    func authorizeIdentity(_ caller: Caller, _ action: PolicyAction, resource: String) throws {
        guard caller.identityAllows(action, resource: resource) else {
            throw RPCError.accessDenied(
                caller.name, action.name, resource,
                why: "no identity policy of the caller allows it")
        }
    }

    /// Whether the caller could change the policy again if `policy` were in force for `arn`.
    func lockoutCheck(_ policy: PolicyDocument, _ caller: Caller, arn: String) -> PolicyDecision {
        decide(caller, "kms:PutKeyPolicy", arn: arn, policy: policy, layers: [caller.conditionKeys])
    }

    private func decide(
        _ caller: Caller, _ action: PolicyAction, arn: String, policy: PolicyDocument,
        layers: [PolicyContext.Layer]
    ) -> PolicyDecision {
        let seconds = String(now() / 1_000_000)
        return policy.evaluate(
            PolicyRequest(
                principal: caller.principal(for: action, resource: arn), action: action,
                resource: arn,
                context: PolicyContext(
                    lowercased: ["aws:epochtime": [seconds], "aws:currenttime": [seconds]],
                    over: layers)))
    }
}
