package import Contracts
package import RPC

extension DomainReplica {
    /// Where the replica stands in a stream; sequence 0 before its first entry.
    package func position(in stream: String) -> LogPosition {
        withCore { $0.position(in: stream) }
    }

    /// Reads the state together with where it stands in a stream. `body` must be quick.
    ///
    /// Throws: the status' error when not open, and what `body` throws.
    package func read<Result: Sendable>(
        standingIn stream: String, _ body: @Sendable (State, LogPosition) throws -> Result
    ) throws -> Result {
        try withCore { core in
            if let error = core.status.error { throw error }
            return try body(core.state, core.position(in: stream))
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

extension ReplicaCore {
    fileprivate func position(in stream: String) -> LogPosition {
        let progress = progress[stream] ?? StreamProgress()
        var position = LogPosition()
        position.stream = stream
        position.epoch = progress.epoch
        position.sequence = progress.sequence
        return position
    }
}
