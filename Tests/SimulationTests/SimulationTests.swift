import Simulation
import Testing

@Suite("Simulation")
struct SimulationTests {
    @Test("seeds run without a broken promise", arguments: 1...40)
    func seeds(_ seed: Int) {
        let verdict = SimulationVerdict.of(seed: UInt64(seed))
        #expect(verdict.violations.isEmpty)
        #expect(verdict.acknowledged > 50)
    }

    @Test("a seed gives the same run again")
    func repeatable() {
        var settings = SimulationSettings()
        settings.isVerbose = true
        let first = SimulationVerdict.of(seed: 7, settings)
        let second = SimulationVerdict.of(seed: 7, settings)
        #expect(first.story == second.story)
        #expect(first.events == second.events)
        #expect(first.acknowledged == second.acknowledged)
    }

    /// What each planted bug breaks, as the checker says it.
    private static let expected: [PlantedBug: String] = [
        .answerBeforeSync: "acknowledged",
        .secondWriter: "one writer",
        .skippedEntry: "convergence",
        .followsAnything: "order",
        .forgottenTombstones: "token",
        .readBehindToken: "token",
        .revivedSession: "revocation",
        .snapshotFromItsEnd: "token",
    ]

    @Test(
        "the checker of each promise finds a bug planted against it", arguments: PlantedBug.allCases
    )
    func planted(_ bug: PlantedBug) throws {
        var settings = SimulationSettings()
        settings.bug = bug
        let checker = try #require(Self.expected[bug])
        let found = (1...200).contains { seed in
            SimulationVerdict.of(seed: UInt64(seed), settings).violations
                .contains { $0.hasPrefix(checker) }
        }
        #expect(found)
    }
}
