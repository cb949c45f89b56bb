import AccessPolicy
import RPC

/// A peer as policies see it.
struct Caller: Sendable {
    /// A service or operator; operators get `identityPoliciesAllow` per action.
    private let principal: PolicyRequest.Principal
    /// What conditions may ask about the caller.
    let conditionKeys: PolicyContext.Layer
    private let identityPolicies: [PolicyDocument]

    init(
        principal: PolicyRequest.Principal, conditionKeys: PolicyContext.Layer,
        identityPolicies: [PolicyDocument]
    ) {
        self.principal = principal
        self.conditionKeys = conditionKeys
        self.identityPolicies = identityPolicies
    }

    /// As in usage figures and messages.
    var name: String { principal.name }

    /// The caller as a principal of an account; nil for a service.
    var account: PolicyRequest.AccountPrincipal? {
        if case .account(let account) = principal { account } else { nil }
    }

    /// The names under which grants may be for the caller.
    var grantNames: [String] {
        guard let account else { return [name] }
        return [account.arn, "arn:aws:iam::\(account.accountID):root"]
            + (account.roleARN.map { [$0] } ?? [])
    }

    /// Whether the caller is a service of this system.
    var isService: Bool { if case .service = principal { true } else { false } }

    /// Whether identity policies of the caller allow an action that no key policy is about.
    func identityAllows(_ action: PolicyAction, resource: String) -> Bool {
        let request = PolicyRequest(
            principal: principal, action: action, resource: resource,
            context: PolicyContext(lowercased: [:], over: [conditionKeys]))
        return identityPolicies.contains { $0.evaluate(request).isAllowed }
    }

    /// The principal of a request for one action.
    func principal(for action: PolicyAction, resource: String) -> PolicyRequest.Principal {
        guard case .account(var account) = principal else { return principal }
        account.identityPoliciesAllow = identityAllows(action, resource: resource)
        return .account(account)
    }
}
