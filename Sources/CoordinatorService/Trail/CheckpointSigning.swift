import Contracts
import Foundation
import Logging
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// Signs now and then where this Region's trail stands, and lets the other Regions have it, so that
/// a trail whose end was cut off, or that was made anew, can be told from what was recorded.
struct CheckpointSigning {
    /// So many events are looked at to see whether anything but checkpoints has been recorded.
    private static let eventsMax = 100

    let coordinator: Coordinator

    private var stream: StreamName { .regional(coordinator.region) }
    private var key: String { "checkpoint/\(coordinator.region)" }

    func run() async throws {
        guard let signer = coordinator.settings.checkpointSigner else { return }
        while true {
            try await Task.sleep(for: coordinator.settings.timings.checkpoint)
            guard coordinator.instance.regions.count > 1, !coordinator.writeHold.isHeld,
                (try? coordinator.engine.state.gate.admitAppend(to: stream)) != nil
            else { continue }
            do {
                try await signIfMoved(signer)
            } catch let error as CancellationError {
                throw error
            } catch {
                coordinator.logger.warning(
                    "no checkpoint of the trail could be made", metadata: ["error": "\(error)"])
            }
        }
    }

    private func signIfMoved(_ signer: StatementSigner) async throws {
        guard let head = try await coordinator.engine.lookUp(TrailQuery(limit: 1)).first,
            let first = try await coordinator.engine.trail(after: 0, limit: 1).first
        else { return }
        let last = try await coordinator.engine.snapshot(
            stream: stream, domain: DomainOwners.checkpoint, keyPrefix: key
        ).first
        if let last, try await hasNothingNew(since: last, head: head) { return }
        let checkpoint = TrailCheckpoint.with {
            $0.region = coordinator.region
            $0.trail = first.hash
            $0.sequence = head.sequence
            $0.hash = head.hash
            $0.signedAtUs = coordinator.now()
        }
        let signed = try SignedCheckpoint.sign(checkpoint, signer)
        let value = try signed.serializedData()
        _ = try await coordinator.engine.append(
            AppendCommand(
                stream: stream, domain: DomainOwners.checkpoint, expectedDomainSequence: nil,
                records: [
                    .with {
                        $0.key = key
                        $0.version = (last?.version ?? 0) + 1
                        $0.value = value
                    }
                ], writtenAtMicroseconds: checkpoint.signedAtUs))
    }

    /// Regions that only take down each other's checkpoints would never come to rest.
    private func hasNothingNew(
        since last: LogEntry, head: TrailRecordedEvent
    ) async throws -> Bool {
        guard let signed = try? TrailSignedCheckpoint(serializedBytes: last.value),
            let checkpoint = try? TrailCheckpoint(serializedBytes: signed.checkpoint),
            checkpoint.sequence <= head.sequence
        else { return false }
        let events = try await coordinator.engine.trail(
            after: checkpoint.sequence, limit: Self.eventsMax)
        return events.count < Self.eventsMax
            && events.allSatisfy { $0.event.eventName == CheckpointEvent.name }
    }
}
