import Logging
import Contracts
import ReplicationLog
import SwiftProtobuf

/// Keeps acknowledgements over restarts, and compacts the log behind the slowest Region.
struct Maintenance {
    let coordinator: Coordinator

    func run() async throws {
        while true {
            try await Task.sleep(for: coordinator.settings.timings.maintenance)
            do {
                try await saveAcknowledgements()
                try await compact()
            } catch let error as LogError {
                coordinator.logger.warning(
                    "upkeep of the log failed", metadata: ["error": "\(error)"])
            }
        }
    }

    private func saveAcknowledgements() async throws {
        for (region, applied) in coordinator.acknowledgements.takeUnsaved() {
            let positions = applied.map { stream, sequence in
                LogPosition.with {
                    $0.stream = stream.text
                    $0.sequence = sequence
                }
            }
            try await coordinator.engine.acknowledge(
                region: region, positions: positions, at: coordinator.now())
        }
    }

    func compact() async throws {
        let horizon = coordinator.now() - coordinator.settings.tombstoneHorizon.microseconds
        for stream in coordinator.engine.state.streams.keys {
            while true {
                let outcome = try await coordinator.engine.compact(
                    CompactionRequest(
                        stream: stream, through: slowest(stream, seenSince: horizon),
                        tombstonesBeforeMicroseconds: horizon))
                guard outcome.hasMore else { break }
                // Leaves the writer to others between two steps.
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    /// What every Region that replicates the stream from here has applied. A Region that has been
    /// away for longer than tombstones are kept does not count: it copies again when it returns.
    private func slowest(_ stream: StreamName, seenSince horizon: Int64) -> UInt64 {
        let state = coordinator.engine.state
        let head = state.streams[stream]?.head ?? 0
        guard state.gate.writer(of: stream) == coordinator.region else { return head }
        return coordinator.instance.regions.keys.filter { $0 != coordinator.region }
            .map { region in
                guard let info = coordinator.acknowledgements.info(region) else { return 0 }
                let isGone =
                    !info.isConnected && info.lastSeenMicroseconds > 0
                    && info.lastSeenMicroseconds < horizon
                return isGone ? head : info.applied[stream] ?? 0
            }
            .reduce(head, min)
    }
}

extension Duration {
    var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
