/// An action such as `kms:Decrypt`, prepared for comparison without regard to case.
package struct PolicyAction: Sendable, Equatable, ExpressibleByStringLiteral,
    CustomStringConvertible
{
    package let name: String
    let lowercased: [UInt8]

    package init(_ name: String) {
        self.name = name
        lowercased = Array(name.lowercased().utf8)
    }

    package init(stringLiteral name: String) {
        self.init(name)
    }

    package var description: String { name }
}

/// What somebody wants to do.
package struct PolicyRequest: Sendable {
    /// A principal of an account.
    package struct AccountPrincipal: Sendable, Equatable {
        /// Such as `arn:aws:iam::123456789012:user/ada`.
        package var arn: String
        package var accountID: String
        /// For a session, the role it belongs to, which policies may name as well.
        package var roleARN: String?
        /// Whether the principal's own identity policies allow the action.
        package var identityPoliciesAllow: Bool

        package init(
            arn: String, accountID: String, roleARN: String? = nil, identityPoliciesAllow: Bool
        ) {
            self.arn = arn
            self.accountID = accountID
            self.roleARN = roleARN
            self.identityPoliciesAllow = identityPoliciesAllow
        }

        /// Whether this is the account's root user, who needs no identity policy.
        var isRoot: Bool { arn.hasSuffix(":root") }
    }

    package enum Principal: Sendable, Equatable {
        /// Such as `sso.amazonaws.com`.
        case service(String)
        case account(AccountPrincipal)
        /// An identity provider's name or ARN.
        case federated(String)
        case anonymous

        /// How messages name the principal.
        package var name: String {
            switch self {
            case .service(let name): name
            case .account(let caller): caller.arn
            case .federated(let provider): provider
            case .anonymous: "an anonymous caller"
            }
        }
    }

    package var principal: Principal
    package var action: PolicyAction
    /// ARN of what is acted upon.
    package var resource: String
    package var context: PolicyContext

    package init(
        principal: Principal, action: PolicyAction, resource: String,
        context: PolicyContext = PolicyContext()
    ) {
        self.principal = principal
        self.action = action
        self.resource = resource
        self.context = context
    }
}
