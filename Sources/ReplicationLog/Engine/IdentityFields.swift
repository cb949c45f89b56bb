/// The log's identity as named texts, the way engines keep it. The Region's name is always among them.
enum IdentityFields {
    static func values(of identity: LogIdentity?, region: String) -> [String: String] {
        var values = ["region": region]
        if let identity {
            values["log_id"] = identity.logID
            values["primary_region"] = identity.primaryRegion
            values["epoch"] = String(identity.epoch)
            values["may_write_own_stream"] = identity.mayWriteOwnStream ? "yes" : "no"
            if identity.isRestored { values["restored"] = "yes" }
        }
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
        guard let logID = values["log_id"], let primary = values["primary_region"],
            let epoch = values["epoch"].flatMap(UInt64.init)
        else { return nil }
        var identity = LogIdentity(
            logID: logID, region: region, primaryRegion: primary, epoch: epoch,
            mayWriteOwnStream: values["may_write_own_stream"] == "yes")
        identity.isRestored = values["restored"] == "yes"
        return identity
    }
}
