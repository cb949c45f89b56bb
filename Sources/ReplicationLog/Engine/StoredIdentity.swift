// How engines keep an identity: a few named texts.
extension LogIdentity {
    /// The identity as names and texts, for a table.
    package var stored: [String: String] {
        var values = [
            "log_id": logID,
            "primary_region": primaryRegion,
            "epoch": String(epoch),
            "may_write_own_stream": mayWriteOwnStream ? "yes" : "no",
            "incarnation": String(incarnation),
            "reigns": history.reigns
                .map { "\($0.epoch) \($0.primaryRegion) \($0.after)" }.joined(separator: "\n"),
        ]
        if !missing.isEmpty {
            values["missing"] = missing.map { "\($0.key.text) \($0.value)" }.sorted()
                .joined(separator: "\n")
        }
        if isRestored { values["restored"] = "yes" }
        if let promise { values["promise"] = "\(promise.epoch) \(promise.primaryRegion)" }
        if let forkedAfter { values["forked_after"] = String(forkedAfter) }
        return values
    }

    /// Reads what `stored` gave, also of versions that knew one reign only; nil when there is none.
    package init?(stored values: [String: String], region: String) {
        guard let logID = values["log_id"], let primary = values["primary_region"],
            let epoch = values["epoch"].flatMap(UInt64.init)
        else { return nil }
        let reigns = values["reigns"].map(Self.reigns) ?? []
        self.init(
            logID: logID, region: region,
            history: ReignHistory(reigns) ?? ReignHistory(epoch: epoch, primaryRegion: primary),
            mayWriteOwnStream: values["may_write_own_stream"] == "yes")
        missing = values["missing"].map(Self.missing) ?? [:]
        isRestored = values["restored"] == "yes"
        promise = values["promise"].flatMap(Self.promise)
        forkedAfter = values["forked_after"].flatMap(UInt64.init)
        incarnation = values["incarnation"].flatMap(UInt64.init) ?? 0
    }

    private static func reigns(_ text: String) -> [Reign] {
        text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ")
            guard parts.count == 3, let epoch = UInt64(parts[0]), let after = UInt64(parts[2])
            else { return nil }
            return Reign(epoch: epoch, primaryRegion: String(parts[1]), after: after)
        }
    }

    private static func missing(_ text: String) -> [StreamName: UInt64] {
        text.split(separator: "\n").reduce(into: [:]) { missing, line in
            let parts = line.split(separator: " ")
            guard parts.count == 2, let stream = StreamName(String(parts[0])) else { return }
            missing[stream] = UInt64(parts[1])
        }
    }

    private static func promise(_ text: String) -> Succession? {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let epoch = UInt64(parts[0]) else { return nil }
        return Succession(epoch: epoch, primaryRegion: String(parts[1]))
    }
}
