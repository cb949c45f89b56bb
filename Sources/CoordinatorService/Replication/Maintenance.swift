import Logging
import Contracts
import ReplicationLog
import SwiftProtobuf

/// Keeps acknowledgements over restarts, and compacts the log behind the slowest Region and behind the
/// time that a backup may need.
struct Maintenance {
    let coordinator: Coordinator

    func run() async throws {
        var recent = RecentHeads(age: coordinator.settings.history)
        while true {
            try await Task.sleep(for: coordinator.settings.timings.maintenance)
            do {
                try await coordinator.saveAcknowledgements()
                try await compact(
                    behind: recent.note(coordinator.engine.state, at: .now))
            } catch let error as LogError {
                coordinator.logger.warning(
                    "upkeep of the log failed", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Never past what every Region has applied, nor past where the stream stood `history` ago.
    private func compact(behind bounds: [StreamName: UInt64]) async throws {
        let horizon = coordinator.now() - coordinator.settings.tombstoneHorizon.microseconds
        for (stream, bound) in bounds {
            while true {
                let outcome = try await coordinator.engine.compact(
                    CompactionRequest(
                        stream: stream, through: min(bound, slowest(stream, seenSince: horizon)),
                        tombstonesBeforeMicroseconds: horizon))
                guard outcome.hasMore else { break }
                // Leaves the writer to others between two steps.
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private func slowest(_ stream: StreamName, seenSince horizon: Int64) -> UInt64 {
        coordinator.acknowledgements.forCompaction(at: coordinator.now()).compactable(
            stream, members: coordinator.instance.regions.keys, seenSince: horizon,
            coordinator.engine.state)
    }
}

extension Duration {
    var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
