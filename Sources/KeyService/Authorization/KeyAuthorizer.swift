import AccessPolicy
import RPC

/// Asks the policies before every operation. What nothing allows is denied.
struct KeyAuthorizer: Sendable {
    let configuration: KeyServiceConfiguration
    let now: @Sendable () -> Int64

    /// Whether the key's policy, and the caller's own, let the caller perform the action.
    ///
    /// - Parameter keys: condition keys of this request, in lower case.
    func decide(
        _ caller: Caller, _ action: PolicyAction, on key: ActiveKey,
        keys: PolicyContext.Layer = [:]
    ) -> PolicyDecision {
        decide(
            caller, action, arn: key.arn, policy: key.policy, layers: [keys, key.conditionKeys])
    }

    /// Asks the key's policy, and its grants where the policies have nothing against it.
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

    /// Lets a cryptographic request in, by a decision that was made before if nothing that the
    /// policies ask about differs.
    ///
    /// - Returns: the counter of the caller and operation.
    /// - Throws: AccessDeniedException, which is counted here.
    func admit(
        _ caller: Caller, _ operation: KeyOperation, on key: ActiveKey, _ facts: RequestFacts,
        _ meter: UsageMeter
    ) throws -> UsageCounter {
        let question = question(caller, operation, key, facts)
        if let question, let counter = key.admissions.counter(question) { return counter }
        let counter = meter.counter(
            operation.name, keyID: key.stored.keyID, principal: caller.name)
        do {
            try authorize(
                caller, operation.action, on: key, keys: facts.conditionKeys,
                context: facts.context.pairs)
        } catch {
            counter.count(isRefused: true)
            throw error
        }
        if let question { key.admissions.insert(question, counter) }
        return counter
    }

    /// The counter of a request that was allowed before and would be allowed again; nil when the
    /// policies have to be asked.
    func known(
        _ caller: Caller, _ operation: KeyOperation, on key: ActiveKey, _ facts: RequestFacts
    ) -> UsageCounter? {
        question(caller, operation, key, facts).flatMap { key.admissions.counter($0) }
    }

    /// What a decision depends on, or nil when it also depends on the time.
    private func question(
        _ caller: Caller, _ operation: KeyOperation, _ key: ActiveKey, _ facts: RequestFacts
    ) -> AdmissionCache.Question? {
        guard !key.policy.readsTime, !caller.identityReadsRequest else { return nil }
        let asksRequest =
            key.policy.readsRequest
            || key.stored.grants.contains { $0.isConstrained }
        return .init(
            callerID: caller.id, operation: operation.number,
            facts: asksRequest ? facts.fingerprint : [])
    }

    /// For operations that are about no key, such as CreateKey: identity policies decide.
    func authorizeIdentity(
        _ caller: Caller, _ action: PolicyAction, resource: String,
        keys: PolicyContext.Layer = [:]
    ) throws {
        let decision = caller.identityDecision(
            action, resource: resource, layers: [time, keys])
        guard decision.isAllowed else {
            throw RPCError.accessDenied(
                caller.name, action.name, resource, why: decision.explanation)
        }
    }

    /// Whether the caller could change the policy again if `policy` were in force for `arn`.
    func lockoutCheck(_ policy: PolicyDocument, _ caller: Caller, arn: String) -> PolicyDecision {
        decide(caller, "kms:PutKeyPolicy", arn: arn, policy: policy, layers: [])
    }

    private var time: PolicyContext.Layer {
        let seconds = String(now() / 1_000_000)
        return ["aws:epochtime": [seconds], "aws:currenttime": [seconds]]
    }

    private func decide(
        _ caller: Caller, _ action: PolicyAction, arn: String, policy: PolicyDocument,
        layers: [PolicyContext.Layer]
    ) -> PolicyDecision {
        let time = time
        let identity = caller.identityDecision(action, resource: arn, layers: [time] + layers)
        if case .explicitDeny = identity { return identity }
        return policy.evaluate(
            PolicyRequest(
                principal: caller.principal(identityPoliciesAllow: identity.isAllowed),
                action: action, resource: arn,
                context: PolicyContext(
                    lowercased: time, over: layers + [caller.conditionKeys])))
    }
}
