import Contracts
import Logging
import ReplicationLog
import SwiftProtobuf

/// Lets all coordinators of a Region know what any of them has been told: another Region subscribes to
/// one, while another one of them may be adding that Region, or compacting.
struct SharedAcknowledgements {
    let coordinator: Coordinator

    func run() async throws {
        while true {
            do {
                try await coordinator.saveAcknowledgements()
                coordinator.acknowledgements.take(
                    try await coordinator.engine.acknowledged(), at: coordinator.now())
            } catch let error as LogError {
                coordinator.logger.debug(
                    "acknowledgements could not be shared", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: coordinator.settings.timings.sharing)
        }
    }
}

extension Coordinator {
    /// Keeps what Regions have acknowledged here over a restart.
    func saveAcknowledgements() async throws {
        for (region, applied) in acknowledgements.takeUnsaved() {
            let positions = applied.map { stream, sequence in
                LogPosition.with {
                    $0.stream = stream.text
                    $0.sequence = sequence
                }
            }
            try await engine.acknowledge(region: region, positions: positions, at: now())
        }
    }
}
