import ArgumentParser
import Foundation
import Simulation
import Synchronization

/// Runs simulated Regions seed after seed: `portolan-simulation --seed 1 --count 10000`.
@main
struct Runner: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "portolan-simulation",
        abstract: "Simulates Regions with faults and checks what they promise.",
        discussion: "A seed always gives the same run. Exit code 1 when a promise was broken.")

    @Option(name: [.customLong("seed"), .customLong("first-seed")], help: "The first seed.")
    var seed: UInt64 = 1
    @Option(name: [.customLong("count"), .customLong("seeds")], help: "How many seeds.") var count =
        1_000
    @Option(help: "Stop after so many minutes; 0: when all seeds are done.") var minutes = 0.0
    @Option(help: "Plant a bug that a checker has to find.") var bug: String?
    @Flag(help: "Tell what happens (with one seed).") var verbose = false

    func validate() throws {
        guard count >= 1, minutes >= 0 else {
            throw ValidationError("--count and --minutes must not be negative.")
        }
        if let bug, PlantedBug(rawValue: bug) == nil {
            let names = PlantedBug.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--bug is one of \(names).")
        }
    }

    private final class Tally: Sendable {
        struct Values {
            var next: UInt64
            var done = 0
            var acknowledged = 0
            var events = 0
            var broken: [SimulationVerdict] = []
            var faults: [String: Int] = [:]
        }

        let values: Mutex<Values>

        init(_ seed: UInt64) { values = Mutex(Values(next: seed)) }
    }

    func run() throws {
        var settings = SimulationSettings()
        settings.bug = bug.flatMap(PlantedBug.init)
        settings.isVerbose = verbose
        let tally = Tally(seed)
        let start = ContinuousClock.now
        let end = minutes > 0 ? start.advanced(by: .seconds(minutes * 60)) : nil
        let last = seed + UInt64(count)
        let threads = ProcessInfo.processInfo.activeProcessorCount
        DispatchQueue.concurrentPerform(iterations: threads) { [settings] _ in
            while end.map({ .now < $0 }) ?? true,
                let seed = tally.values.withLock({ values -> UInt64? in
                    guard values.next < last else { return nil }
                    defer { values.next += 1 }
                    return values.next
                })
            {
                let verdict = SimulationVerdict.of(seed: seed, settings)
                tally.values.withLock { values in
                    values.done += 1
                    values.acknowledged += verdict.acknowledged
                    values.events += verdict.events
                    values.faults.merge(verdict.faults, uniquingKeysWith: +)
                    if !verdict.violations.isEmpty || settings.isVerbose {
                        values.broken.append(verdict)
                    }
                }
            }
        }
        try report(tally.values.withLock { $0 }, seconds: start.duration(to: .now) / .seconds(1))
    }

    private func report(_ values: Tally.Values, seconds: Double) throws {
        for verdict in values.broken.sorted(by: { $0.seed < $1.seed }).prefix(20) {
            for line in verdict.story { print("  \(line)") }
            for violation in verdict.violations.prefix(5) {
                print("seed \(verdict.seed): \(violation)")
            }
        }
        let faults = values.faults.sorted { $0.key < $1.key }
            .map { "\($0.value) x \($0.key)" }.joined(separator: ", ")
        let broken = values.broken.filter { !$0.violations.isEmpty }.count
        print("Faults: \(faults).")
        print(
            "\(values.done) seeds from \(seed), \(values.acknowledged) acknowledged writes, "
                + "\(values.events) events, \(broken) seeds with a violation, "
                + "\(Int(Double(values.done) / max(seconds, 0.001) * 60)) seeds a minute.")
        if broken > 0 { throw ExitCode(1) }
    }
}
