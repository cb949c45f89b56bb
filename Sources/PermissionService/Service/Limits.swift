import RPC

/// How many of each there may be: ten times IAM Identity Center's default quotas.
enum PermissionLimits {
    static let accounts = 70_000
    static let permissionSets = 35_000
    static let applications = 70_000
    static let applicationGroups = 1_000
    static let managedPolicies = 25

    /// Throws RESOURCE_EXHAUSTED QUOTA_EXCEEDED when one more would be too many.
    static func check(_ count: Int, _ limit: Int, _ what: String) throws {
        guard count < limit else {
            throw RPCError(
                .resourceExhausted, reason: "QUOTA_EXCEEDED",
                message: "There are \(limit) \(what) already.")
        }
    }
}
