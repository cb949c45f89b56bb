import Contracts
import Logging
import RPC
package import ServiceKit
import Synchronization

/// Compares what a replica serves with the log now and then. A difference is an alarm, and what is
/// served is then built anew from the log.
struct StateGuard<State: DomainState>: Sendable {
    let replica: DomainReplica<State>

    /// Records that an alarm names.
    private static var namedMax: Int { 5 }

    /// Returns when what is served has to be built anew; throws `CancellationError`.
    func run() async throws {
        let pace = replica.settings.comparisonPace
        var pause = pace.first
        while true {
            try await Task.sleep(for: pause)
            let began = ContinuousClock.now
            do {
                let verdict = try await StateComparison(replica: replica).run()
                if let verdict, note(verdict), replica.comparisons.mayRebuild(pace.rebuildRest) {
                    return
                }
            } catch {
                try Task.checkCancellation()
                replica.logger.debug(
                    "the state could not be compared with the log", metadata: ["error": "\(error)"])
            }
            pause = pace.rest(after: ContinuousClock.now - began)
        }
    }

    /// True when there is a difference.
    private func note(_ verdict: StateComparison<State>.Verdict) -> Bool {
        replica.comparisons.note(isEqual: verdict.isEqual)
        guard !verdict.isEqual else { return false }
        replica.logger.error(
            "what is served differs from the log",
            metadata: [
                "records": "\(verdict.differing.prefix(Self.namedMax).joined(separator: ", "))",
                "differing": "\(verdict.differing.count)", "surplus": "\(verdict.surplus)",
                "compared": "\(verdict.entries)",
            ])
        return true
    }
}

/// When a replica is compared with the log.
package struct ComparisonPace: Sendable {
    /// After it has opened.
    package let first: Duration
    /// Between two comparisons, at least.
    package let rest: Duration
    /// Between two comparisons, in multiples of the time that one takes; an hour is enough.
    package let restFactor: Int
    /// Between two times that the same replica is built anew. What differs again right after is no fault
    /// that reading once more would mend.
    package let rebuildRest: Duration

    package static let standard = ComparisonPace()

    package init(
        first: Duration = .seconds(20), rest: Duration = .seconds(60), restFactor: Int = 200,
        rebuildRest: Duration = .seconds(3_600)
    ) {
        self.first = first
        self.rest = rest
        self.restFactor = restFactor
        self.rebuildRest = rebuildRest
    }

    func rest(after duration: Duration) -> Duration {
        max(rest, duration, min(duration * restFactor, .seconds(3_600)))
    }
}

/// What comparisons of a replica with the log have shown.
package final class ComparisonBook: Sendable {
    private struct State {
        var comparisons: UInt64 = 0
        var differences: UInt64 = 0
        var rebuiltAt: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    /// Comparisons that were made since the start.
    package var comparisons: UInt64 { state.withLock { $0.comparisons } }

    /// Comparisons that showed a difference.
    package var differences: UInt64 { state.withLock { $0.differences } }

    func note(isEqual: Bool) {
        state.withLock { state in
            state.comparisons += 1
            if !isEqual { state.differences += 1 }
        }
    }

    /// Whether the last time is long enough ago; then this is the next one.
    func mayRebuild(_ rest: Duration) -> Bool {
        state.withLock { state in
            if let last = state.rebuiltAt, last.duration(to: .now) < rest { return false }
            state.rebuiltAt = .now
            return true
        }
    }
}

extension DomainReplica {
    /// For metrics.
    package var figures: [ServiceFigure] {
        let labels = [("domain", settings.domains.map(\.name).joined(separator: "+"))]
        return [
            ServiceFigure(
                name: "portolan_state_comparisons_total", type: "counter",
                help: "Comparisons of what is served with the log.",
                samples: [.init(labels: labels, value: Double(comparisons.comparisons))]),
            ServiceFigure(
                name: "portolan_state_differences_total", type: "counter",
                help: "Comparisons that found a difference: an alarm.",
                samples: [.init(labels: labels, value: Double(comparisons.differences))]),
        ]
    }
}
