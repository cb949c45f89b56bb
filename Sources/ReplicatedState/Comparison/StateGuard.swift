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
                if let verdict = try await verdict(), note(verdict),
                    replica.comparisons.mayRebuild(pace.rebuildRest)
                {
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

    /// A difference counts when it is there again a little later. A coordinator that has not yet noticed
    /// that another one has taken something back may show for a moment what is of neither reading.
    private func verdict() async throws -> StateComparison<State>.Verdict? {
        let comparison = StateComparison(replica: replica)
        guard let verdict = try await comparison.run() else { return nil }
        guard !verdict.isEqual else { return verdict }
        try await Task.sleep(for: replica.settings.comparisonPace.confirmAfter)
        return try await comparison.run().flatMap { verdict.confirmed(by: $0) }
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
    /// Between two comparisons, at most; more only where one takes longer than that.
    package let restMax: Duration
    /// Between a difference and the look that confirms it: longer than coordinators over one database take
    /// to notice each other's writes.
    package let confirmAfter: Duration
    /// Between two times that the same replica is built anew. What differs again right after is no fault
    /// that reading once more would mend.
    package let rebuildRest: Duration

    package static let standard = ComparisonPace()

    package init(
        first: Duration = .seconds(20), rest: Duration = .seconds(60),
        restMax: Duration = .seconds(3_600), confirmAfter: Duration = .seconds(5),
        rebuildRest: Duration = .seconds(3_600)
    ) {
        self.first = min(first, restMax)
        self.rest = min(rest, restMax)
        self.restMax = restMax
        self.confirmAfter = confirmAfter
        self.rebuildRest = rebuildRest
    }

    /// A two-hundredth of the time goes into comparisons, unless they would be too rare.
    func rest(after duration: Duration) -> Duration {
        max(rest, duration, min(duration * 200, restMax))
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
