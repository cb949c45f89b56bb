/// All identity policies of one principal, which decide together: a deny in any of them wins.
package struct IdentityPolicies: Sendable {
    private let documents: [PolicyDocument]

    package init(_ documents: [PolicyDocument] = []) {
        self.documents = documents
    }

    /// - Throws: `PolicyError` for the first document that is malformed.
    package init(json documents: [String]) throws {
        self.init(try documents.map { try PolicyDocument(json: $0, kind: .identity) })
    }

    package var isEmpty: Bool { documents.isEmpty }

    /// What the policies say by themselves. Whether a resource's policy has a say as well is for
    /// the caller to know.
    package func evaluate(_ request: PolicyRequest) -> PolicyDecision {
        var request = request
        // Here it is these policies that decide, also about a resource of another account.
        if case .account(var principal) = request.principal {
            principal.identityPoliciesAllow = true
            request.principal = .account(principal)
        }
        var allowed: PolicyDecision?
        for document in documents {
            switch document.evaluate(request) {
            case .explicitDeny(let statement): return .explicitDeny(by: statement)
            case .allowed(let statement): allowed = allowed ?? .allowed(by: statement)
            case .implicitDeny: break
            }
        }
        return allowed
            ?? .implicitDeny(
                why: "no identity policy of \(request.principal.name) allows "
                    + request.action.name)
    }
}
