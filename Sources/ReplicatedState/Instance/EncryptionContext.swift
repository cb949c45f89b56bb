import Contracts

/// Which of the two encryption contexts of IAM Identity Center a domain's data keys are bound to.
///
/// Source: aws-behaviour 5.3; key policies name these contexts, so they cannot be chosen freely.
package enum EncryptionContext: Sendable {
    /// Permissions, applications, sessions.
    case instance
    /// Users, groups and memberships.
    case identityStore

    package func values(_ snapshot: InstanceSnapshot) -> [String: String] {
        let instance = snapshot.instance
        switch self {
        case .instance: return ["aws:sso:instance-arn": instance.instanceArn]
        case .identityStore:
            let arn =
                "arn:aws:identitystore::\(instance.ownerAccountID):identitystore/"
                + instance.identityStoreID
            return ["aws:identitystore:identitystore-arn": arn]
        }
    }
}
