package import Contracts
package import RPC

extension DomainReplica {
    /// Where the replica stands in a stream; sequence 0 before its first entry.
    package func position(in stream: String) -> LogPosition {
        withCore { core in
            let progress = core.progress[stream] ?? StreamProgress()
            var position = LogPosition()
            position.stream = stream
            position.epoch = progress.epoch
            position.sequence = progress.sequence
            return position
        }
    }

    /// Returns once the replica stands elsewhere in the stream or is not open, and at the deadline.
    ///
    /// Throws: RESOURCE_EXHAUSTED TOO_MANY_WAITERS, `CancellationError`.
    package func moves(from position: LogPosition, until deadline: Deadline) async throws {
        _ = try await progressed.wait(until: deadline) { [self] in
            self.position(in: position.stream) != position || !status.isOpen
        }
    }
}
