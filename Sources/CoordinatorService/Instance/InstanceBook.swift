import Contracts
import ReplicationLog
import Synchronization

/// The present `InstanceState`, kept up to date by every commit.
final class InstanceBook: Sendable {
    private struct Held {
        var state = InstanceState()
        var logID: String?
        /// Where the control stream stood when the log was last told of.
        var head: UInt64 = 0
        /// What has come since the log went back behind what the state was made of; nil while the state
        /// is whole.
        var sinceCut: [LogEntry]?
    }

    private let held: Mutex<Held>

    /// Holds nothing before `reload`; what is committed meanwhile is not lost.
    init(_ engine: any LogEngine) {
        held = Mutex(Held(logID: engine.state.identity?.logID, sinceCut: []))
    }

    var state: InstanceState { held.withLock { $0.state } }

    /// Whether a fork has been taken back and the log must be read again: here, and wherever something
    /// of the control stream is kept.
    var isBehind: Bool { held.withLock { $0.sinceCut != nil } }

    /// Reads the log at the start, and again after a fork has been taken back.
    func reload(_ engine: any LogEngine) async throws {
        let entries = try await engine.snapshot(
            stream: .control, domain: DomainOwners.instance, keyPrefix: "")
        let last = engine.state.streams[.control]?.domains[DomainOwners.instance]?.lastSequence
        held.withLock { held in
            // Nothing was taken back: what is held is at least as new.
            guard let news = held.sinceCut else { return }
            held.state.clear()
            var newest: [String: UInt64] = [:]
            for entry in entries.sorted(by: { $0.sequence < $1.sequence }) {
                newest[entry.key] = entry.sequence
                held.state.apply(entry)
            }
            for entry in news where entry.sequence > newest[entry.key] ?? 0 {
                held.state.apply(entry)
            }
            held.state.advance(to: last ?? 0)
            held.sinceCut = nil
        }
    }

    /// Called by the engine's writer, in order.
    func apply(_ entries: [LogEntry], _ log: LogState) {
        held.withLock { held in
            let head = log.streams[.control]?.head
            if held.logID != log.identity?.logID || head == nil {
                held.logID = log.identity?.logID
                held.state.clear()
                held.sinceCut = nil
            } else if let head, head < held.head {
                if head < held.state.sequence { held.state.clear() }
                held.sinceCut = []
            }
            held.head = head ?? 0
            for entry in entries
            where entry.domain == DomainOwners.instance && entry.stream == StreamName.control.text {
                held.state.apply(entry)
                held.sinceCut?.append(entry)
            }
        }
    }
}
