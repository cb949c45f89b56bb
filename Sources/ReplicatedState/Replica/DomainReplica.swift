package import Contracts
package import Logging
package import RPC
import Synchronization

/// A service's state, built from the log and kept up to date.
///
/// Reads are answered from memory under a lock held for microseconds. While the Region's key is
/// refused nothing is held and every read fails with the KMS error's name.
package final class DomainReplica<State: DomainState>: Sendable {
    package let settings: ReplicaSettings
    package let instance: InstanceMonitor
    let clients: ReplicaClients
    let ring: DataKeyRing
    let wrapper: DataKeyWrapper
    let logger: Logger
    private let core = Mutex(ReplicaCore<State>())
    let progressed = Signal()
    package let comparisons = ComparisonBook()

    package init(
        _ settings: ReplicaSettings, clients: ReplicaClients, instance: InstanceMonitor,
        logger: Logger
    ) {
        self.settings = settings
        self.clients = clients
        self.instance = instance
        self.logger = logger
        self.ring = DataKeyRing(hold: settings.dataKeyHold)
        self.wrapper = DataKeyWrapper(client: clients.cryptography, context: settings.context)
    }

    package var status: ReplicaStatus { core.withLock { $0.status } }

    /// Where the replica stands in each stream, in order of stream name.
    package var positions: [LogPosition] { core.withLock { $0.positions } }

    /// Reads the state. `body` must be quick: everything else waits.
    ///
    /// Throws: the status' error when not open, and what `body` throws.
    package func read<Result: Sendable>(
        _ body: @Sendable (State) throws -> Result
    ) throws -> Result {
        try core.withLock { core in
            if let error = core.status.error { throw error }
            return try body(core.state)
        }
    }

    /// Whether a position has been applied. An empty position always has.
    ///
    /// One of an earlier reign has been applied only if that reign got so far: until it is known here
    /// where the later one began, the answer is no.
    package func covers(_ position: LogPosition) -> Bool {
        guard position.sequence > 0 else { return true }
        guard let progress = core.withLock({ $0.progress[position.stream] }),
            progress.covers(position)
        else { return false }
        guard position.stream == "control", progress.epoch > position.epoch else { return true }
        guard let snapshot = instance.current, snapshot.epoch >= progress.epoch else {
            return false
        }
        return !snapshot.hasLost(position)
    }

    /// Waits until a position has been applied.
    ///
    /// Gives up a little before the deadline so that the answer still arrives.
    ///
    /// Throws: UNAVAILABLE NOT_REPLICATED_YET; FAILED_PRECONDITION POSITION_LOST for what a former
    /// primary acknowledged and nobody else received; and the status' error when not open.
    package func wait(for position: LogPosition, until deadline: Deadline) async throws {
        if let snapshot = instance.current, snapshot.hasLost(position) {
            throw RPCError.positionLost(position, primary: snapshot.instance.primaryRegion)
        }
        guard !covers(position) else { return }
        let remaining = deadline.remaining
        let end = Deadline.after(remaining - min(remaining / 4, .milliseconds(500)))
        let isMet = try await progressed.wait(until: end) { [self] in
            covers(position) || !status.isOpen
                || instance.current?.hasLost(position) ?? false
        }
        if let error = status.error { throw error }
        if let snapshot = instance.current, snapshot.hasLost(position) {
            throw RPCError.positionLost(position, primary: snapshot.instance.primaryRegion)
        }
        guard isMet else {
            throw RPCError(
                .unavailable, reason: "NOT_REPLICATED_YET",
                message: "This Region has not reached \(position.stream) \(position.sequence) of "
                    + "epoch \(position.epoch) yet.",
                metadata: ["stream": position.stream, "sequence": "\(position.sequence)"])
        }
    }

    /// Follows the log until cancelled.
    package func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await ReplicaSupervisor(replica: self).run() }
            group.addTask { try await self.tellInstanceChanges() }
            if let path = settings.snapshotFile {
                group.addTask {
                    try await SnapshotKeeper(
                        replica: self, path: path, pace: self.settings.snapshotPace
                    ).run()
                }
            }
        }
    }

    /// Who waits for a position may be waiting for the news of a reign.
    private func tellInstanceChanges() async throws {
        while true {
            let known = instance.current
            _ = try await instance.changes.wait(until: .never) { [instance] in
                instance.current != known
            }
            progressed.notify()
        }
    }

    func withCore<Result: Sendable>(
        _ body: @Sendable (inout ReplicaCore<State>) throws -> Result
    ) rethrows -> Result {
        try core.withLock { try body(&$0) }
    }

    /// Changes the status and what belongs to it, then wakes those who wait.
    func change(_ body: @Sendable (inout ReplicaCore<State>) -> Void) {
        core.withLock { body(&$0) }
        progressed.notify()
    }

    /// Drops everything that was opened.
    func drop(_ status: ReplicaStatus) {
        change { core in
            ring.removeAll()
            core.drop()
            core.status = status
        }
    }
}

extension RPCError {
    package static func positionLost(_ position: LogPosition, primary: String) -> RPCError {
        RPCError(
            .failedPrecondition, reason: "POSITION_LOST",
            message: "What was written at \(position.sequence) of epoch \(position.epoch) had not "
                + "been replicated when \(primary) became the primary; the former primary "
                + "exports it when it returns.",
            metadata: [
                "stream": position.stream, "sequence": "\(position.sequence)",
                "epoch": "\(position.epoch)",
            ])
    }
}
