import Logging
import Contracts
import Foundation
import ReplicationLog
import SwiftProtobuf

/// Writes a record a second into each stream of this Region while there are others, so that they can
/// tell how far behind they are, and that silence means a fault.
struct Canary {
    let coordinator: Coordinator

    func run() async throws {
        while true {
            try await Task.sleep(for: coordinator.settings.timings.canary)
            let state = coordinator.engine.state
            guard coordinator.instance.regions.count > 1, !coordinator.writeHold.isHeld else {
                continue
            }
            for stream in [StreamName.control, .regional(coordinator.region)] {
                guard (try? state.gate.admitAppend(to: stream)) != nil else { continue }
                do {
                    try await write(to: stream)
                } catch let error as LogError {
                    coordinator.logger.warning(
                        "a canary could not be written", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    private func write(to stream: StreamName) async throws {
        let now = coordinator.now()
        let key = "canary/\(coordinator.region)"
        let last = try await coordinator.engine.snapshot(
            stream: stream, domain: DomainOwners.canary, keyPrefix: key
        ).first
        _ = try await coordinator.engine.append(
            AppendCommand(
                stream: stream, domain: DomainOwners.canary, expectedDomainSequence: nil,
                records: [
                    .with {
                        $0.key = key
                        $0.version = (last?.version ?? 0) + 1
                    }
                ], writtenAtMicroseconds: now))
    }
}
