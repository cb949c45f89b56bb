import AccessPolicy
import RPC
import Synchronization

/// A peer as policies see it.
struct Caller: Sendable {
    private static let lastID = Atomic<UInt64>(0)

    /// Never given to another caller by this process.
    let id: UInt64
    /// A service or operator; operators get `identityPoliciesAllow` per action.
    private let principal: PolicyRequest.Principal
    /// What conditions may ask about the caller.
    let conditionKeys: PolicyContext.Layer
    private let identityPolicies: [PolicyDocument]
    /// Whether what is decided for the caller may be decided otherwise a moment later.
    let identityReadsRequest: Bool

    init(
        principal: PolicyRequest.Principal, conditionKeys: PolicyContext.Layer,
        identityPolicies: [PolicyDocument]
    ) {
        id = Self.lastID.add(1, ordering: .relaxed).newValue
        self.principal = principal
        self.conditionKeys = conditionKeys
        self.identityPolicies = identityPolicies
        identityReadsRequest = identityPolicies.contains { !$0.conditionKeysRead.isEmpty }
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

    /// What the caller's own policies say: an explicit deny of any wins over all.
    ///
    /// - Parameter layers: condition keys of the request and its resource.
    func identityDecision(
        _ action: PolicyAction, resource: String, layers: [PolicyContext.Layer] = []
    ) -> PolicyDecision {
        guard !identityPolicies.isEmpty else {
            return .implicitDeny(why: "the caller has no identity policy")
        }
        let request = PolicyRequest(
            principal: principal, action: action, resource: resource,
            context: PolicyContext(lowercased: [:], over: layers + [conditionKeys]))
        var result: PolicyDecision = .implicitDeny(
            why: "no identity policy of the caller allows it")
        for policy in identityPolicies {
            let decision = policy.evaluate(request)
            if case .explicitDeny = decision { return decision }
            if decision.isAllowed { result = decision }
        }
        return result
    }

    /// Whether identity policies of the caller allow an action that no key policy is about.
    func identityAllows(_ action: PolicyAction, resource: String) -> Bool {
        identityDecision(action, resource: resource).isAllowed
    }

    /// The principal of a request whose identity policies have been asked.
    func principal(identityPoliciesAllow: Bool) -> PolicyRequest.Principal {
        guard case .account(var account) = principal else { return principal }
        account.identityPoliciesAllow = identityPoliciesAllow
        return .account(account)
    }
}
