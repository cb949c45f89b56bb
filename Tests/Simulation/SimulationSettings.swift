/// One simulated run: who takes part, for how long, and what goes wrong.
package struct SimulationSettings: Sendable {
    package var regions = ["eu-central-1", "eu-west-1", "us-east-1"]
    /// Virtual time with faults, microseconds.
    package var faultyTime: Int64 = 25_000_000
    /// Virtual time without, for everything to come to rest.
    package var healingTime: Int64 = 25_000_000
    package var bug: PlantedBug?
    /// Whether Regions are promoted.
    package var promotes = true
    /// Names what happens, for looking into one seed.
    package var isVerbose = false

    package init() {}
}

/// How one run ended.
package struct SimulationVerdict: Sendable {
    package let seed: UInt64
    /// What must not have happened; empty when all is well.
    package let violations: [String]
    package let acknowledged: Int
    package let events: Int
    /// What went wrong on purpose, by kind.
    package let faults: [String: Int]
    package let story: [String]
}
