/// The log's identity as named texts, the way engines keep it. The Region's name is always among them.
enum IdentityFields {
    static func values(of identity: LogIdentity?, region: String) -> [String: String] {
        var values = ["region": region]
        if let identity { values.merge(identity.stored) { $1 } }
        return values
    }

    /// Nil when no log is held. Throws `logMismatch` when the texts are another Region's.
    static func identity(
        _ values: [String: String], region: String
    ) throws(LogError) -> LogIdentity? {
        if let held = values["region"], held != region {
            throw LogError(
                .logMismatch, "This store belongs to the Region \(held), not to \(region).")
        }
        return LogIdentity(stored: values, region: region)
    }
}
