import Contracts
import ReplicationLog
import Synchronization

/// The present `InstanceState`, kept up to date by every commit.
final class InstanceBook: Sendable {
    private struct Held {
        var state = InstanceState()
        var logID: String?
    }

    private let held: Mutex<Held>

    init(_ engine: any LogEngine) async throws {
        var held = Held()
        held.logID = engine.state.identity?.logID
        let entries = try await engine.snapshot(
            stream: .control, domain: DomainOwners.instance, keyPrefix: "")
        for entry in entries.sorted(by: { $0.sequence < $1.sequence }) { held.state.apply(entry) }
        let last = engine.state.streams[.control]?.domains[DomainOwners.instance]?.lastSequence
        held.state.advance(to: last ?? 0)
        self.held = Mutex(held)
    }

    var state: InstanceState { held.withLock { $0.state } }

    /// Called by the engine's writer, in order.
    func apply(_ entries: [LogEntry], _ log: LogState) {
        held.withLock { held in
            if held.logID != log.identity?.logID || log.streams[.control] == nil {
                held.logID = log.identity?.logID
                held.state.clear()
            }
            for entry in entries
            where entry.domain == DomainOwners.instance && entry.stream == StreamName.control.text {
                held.state.apply(entry)
            }
        }
    }
}
