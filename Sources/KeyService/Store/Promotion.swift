/// A change of the primary Region that has begun, kept on disk so that it is brought to its end.
struct Promotion: Sendable, Equatable, Codable {
    let region: String
    /// Who asked for it; empty for a service of the system.
    let principalARN: String
    let roleARN: String
    let identityPoliciesAllow: Bool
}
