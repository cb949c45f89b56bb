import Contracts
import Synchronization

/// What has been taken down of each other Region.
final class WitnessBook: Sendable {
    struct Known {
        /// Whatever it was.
        var newest: CheckpointEvent
        /// What later ones have to follow.
        var believed: CheckpointEvent?
        /// Says that the trail went back or began anew, which nobody has acknowledged yet.
        var standing: CheckpointEvent?

        init(_ newest: CheckpointEvent) {
            self.newest = newest
            if newest.isBelieved { believed = newest }
            if newest.needsAcknowledgement { standing = newest }
        }

        /// Why the Region's trail is not to be believed; empty when nothing speaks against it.
        var problem: String {
            let newestProblem = newest.objection == .unsigned ? newest.explanation : ""
            return [standing?.explanation ?? "", newestProblem].filter { !$0.isEmpty }
                .joined(separator: " ")
        }
    }

    struct State {
        var regions: [String: Known] = [:]

        /// Whether nothing older can say more of these Regions.
        func covers(_ names: Set<String>) -> Bool {
            names.allSatisfy { regions[$0]?.believed != nil }
        }

        /// Adds one that was recorded before those that are there.
        mutating func addOlder(_ event: CheckpointEvent) {
            guard var known = regions[event.region] else {
                regions[event.region] = Known(event)
                return
            }
            // What stands is carried on by all later ones: nothing does before one that was believed.
            guard known.believed == nil else { return }
            if event.isBelieved { known.believed = event }
            if event.needsAcknowledgement, known.standing == nil { known.standing = event }
            regions[event.region] = known
        }
    }

    private let held = Mutex(State())
    private let isTaken = Mutex(false)

    /// Runs while nobody else takes down or acknowledges: what is recorded follows what is known.
    ///
    /// Throws: what the body does; `CancellationError` while it waits.
    func exclusively<Value>(_ body: () async throws -> Value) async throws -> Value {
        func take() -> Bool {
            isTaken.withLock { isTaken in
                defer { isTaken = true }
                return !isTaken
            }
        }
        while !take() { try await Task.sleep(for: .milliseconds(5)) }
        defer { isTaken.withLock { $0 = false } }
        return try await body()
    }

    var state: State { held.withLock { $0 } }

    var hasStanding: Bool { held.withLock { $0.regions.values.contains { $0.standing != nil } } }

    func replace(_ state: State) { held.withLock { $0 = state } }

    /// Takes over what has been acknowledged, of all that may have been recorded meanwhile.
    func takeAcknowledged(_ recent: State) {
        held.withLock { state in
            for (region, known) in recent.regions where known.newest.objection == nil {
                guard state.regions[region]?.standing != nil else { continue }
                state.regions[region] = known
            }
        }
    }

    func add(_ event: CheckpointEvent) {
        held.withLock { state in
            var known = Known(event)
            let before = state.regions[event.region]
            if known.believed == nil { known.believed = before?.believed }
            if event.objection == .unsigned { known.standing = before?.standing }
            state.regions[event.region] = known
        }
    }

    /// Why a Region's trail is not to be believed; empty when nothing speaks against it.
    func problem(of region: String) -> String { state.regions[region]?.problem ?? "" }

    /// When the newest checkpoint was signed that was believed, in microseconds since 1970; 0: never.
    func witnessed(_ region: String) -> Int64 {
        state.regions[region]?.believed?.checkpoint.signedAtUs ?? 0
    }
}
