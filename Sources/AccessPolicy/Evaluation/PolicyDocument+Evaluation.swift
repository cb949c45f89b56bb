extension PolicyDocument {
    /// Decides on a request: an explicit deny wins, then an allow, else it is denied.
    ///
    /// A principal that is named only by its account (`arn:aws:iam::<account>:root`) is allowed
    /// when its own identity policies allow the action too. A principal of another account than the
    /// resource's needs both in every case.
    package func evaluate(_ request: PolicyRequest) -> PolicyDecision {
        for statement in denies where applies(statement, to: request) != nil {
            return .explicitDeny(by: statement.reference)
        }
        for statement in allows {
            guard let fit = applies(statement, to: request) else { continue }
            if grants(fit, request) { return .allowed(by: statement.reference) }
        }
        return .implicitDeny(why: explainDenial(request))
    }

    /// Whether the caller could still change the policy of `resource` if this were the policy.
    ///
    /// KMS refuses a policy that locks its author out unless that is asked for.
    package func lockoutCheck(
        caller: PolicyRequest.Principal, resource: String, context: PolicyContext
    ) -> PolicyDecision {
        evaluate(
            PolicyRequest(
                principal: caller, action: "kms:PutKeyPolicy", resource: resource, context: context)
        )
    }

    private func applies(
        _ statement: PolicyStatement, to request: PolicyRequest
    ) -> PrincipalMatcher.Fit? {
        let fit: PrincipalMatcher.Fit
        if let principals = statement.principals {
            guard let found = principals.fit(request.principal) else { return nil }
            fit = found
        } else {
            fit = .direct
        }
        guard statement.coversAction(request.action), statement.coversResource(request),
            statement.failedCondition(request.context) == nil
        else { return nil }
        return fit
    }

    private func grants(_ fit: PrincipalMatcher.Fit, _ request: PolicyRequest) -> Bool {
        guard case .account(let caller) = request.principal else { return true }
        if caller.identityPoliciesAllow { return true }
        return fit == .direct && !isForeign(caller, to: request.resource)
    }

    private func isForeign(
        _ caller: PolicyRequest.AccountPrincipal, to resource: String
    ) -> Bool {
        let parts = resource.utf8.split(
            separator: UInt8(ascii: ":"), maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, !parts[4].isEmpty else { return false }
        return !parts[4].elementsEqual(caller.accountID.utf8)
    }
}
