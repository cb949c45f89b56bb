import Contracts
import Foundation
import Logging
import ReplicationLog
import ServiceKit
import SwiftProtobuf
import Synchronization

/// Takes down in this Region's trail where the other Regions' trails stood, when they say so; and
/// objects when one of them goes back. That is carried on by every later checkpoint of the Region
/// until an operator acknowledges it: a trail that has grown past its old end is not whole again.
struct CheckpointWitness {
    /// Pages of events that are read to find what was taken down last, and events of a page.
    private static let pagesMax = 20
    private static let pageSize = 500
    /// A clock that is ahead by more is not believed.
    private static let skewMax: Int64 = 300_000_000

    let coordinator: Coordinator

    func run() async throws {
        guard let verifier = coordinator.settings.checkpointVerifier else { return }
        var led = false
        while true {
            do {
                let leads = coordinator.engine.leads
                // Another coordinator of the Region may have taken some down, or been told that
                // an alarm is acknowledged.
                if !leads || !led {
                    coordinator.witnessed.replace(try await recalled(pages: Self.pagesMax))
                } else if coordinator.witnessed.hasStanding {
                    coordinator.witnessed.takeAcknowledged(try await recalled(pages: 1))
                }
                led = leads
                if leads { try await takeDown(verifier) }
            } catch let error as CancellationError {
                throw error
            } catch {
                led = false
                coordinator.logger.warning(
                    "checkpoints of other Regions could not be taken down",
                    metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: coordinator.settings.timings.witness)
        }
    }

    /// What this Region's trail holds of each other Region.
    private func recalled(pages: Int) async throws -> WitnessBook.State {
        var state = WitnessBook.State()
        var query = TrailQuery(attribute: .eventName(CheckpointEvent.name), limit: Self.pageSize)
        let others = Set(coordinator.instance.regions.keys).subtracting([coordinator.region])
        for _ in 0..<pages where !state.covers(others) {
            let page = try await coordinator.engine.lookUp(query)
            for event in page.compactMap(CheckpointEvent.init) { state.addOlder(event) }
            guard page.count == Self.pageSize, let last = page.last else { break }
            query.before = last.sequence
        }
        return state
    }

    private func takeDown(_ verifier: StatementVerifier) async throws {
        for region in coordinator.instance.regions.keys.sorted() where region != coordinator.region
        {
            let stored = try await coordinator.engine.snapshot(
                stream: .regional(region), domain: DomainOwners.checkpoint,
                keyPrefix: "checkpoint/\(region)"
            ).first
            guard let stored else { continue }
            let signed =
                (try? TrailSignedCheckpoint(serializedBytes: stored.value)) ?? .init()
            try await coordinator.witnessed.exclusively {
                try await takeDown(signed, of: region, verifier)
            }
        }
    }

    private func takeDown(
        _ signed: TrailSignedCheckpoint, of region: String, _ verifier: StatementVerifier
    ) async throws {
        let known = coordinator.witnessed.state.regions[region]
        guard signed != known?.newest.signed else { return }
        var event = await judged(signed, of: region, after: known?.believed, verifier)
        if let objection = event.objection {
            coordinator.logger.error(
                "the trail of another Region is not what it was",
                metadata: [
                    "region": "\(region)", "reason": "\(objection.rawValue)",
                    "explanation": "\(event.explanation)",
                ])
        } else if let standing = known?.standing {
            event.objection = standing.objection
            event.explanation = standing.explanation
        }
        _ = try await coordinator.trail.record([event.draft])
        coordinator.witnessed.add(event)
    }

    private func judged(
        _ signed: TrailSignedCheckpoint, of region: String, after last: CheckpointEvent?,
        _ verifier: StatementVerifier
    ) async -> CheckpointEvent {
        guard let new = await SignedCheckpoint.read(signed, of: region, verifier),
            new.signedAtUs <= coordinator.now() + Self.skewMax
        else {
            return CheckpointEvent(
                region: region, signed: signed, checkpoint: .init(), objection: .unsigned,
                explanation: "A checkpoint of the trail of \(region) is not signed by its "
                    + "coordinator, or signed for a time to come.")
        }
        var event = CheckpointEvent(region: region, signed: signed, checkpoint: new)
        event.timeMicroseconds = coordinator.now()
        guard let old = last?.checkpoint else { return event }
        if old.trail != new.trail {
            event.objection = .beganAnew
            event.explanation =
                "The trail of \(region) began anew: the former one had \(old.sequence) events."
        } else if new.sequence < old.sequence {
            event.objection = .wentBack
            event.explanation =
                "The trail of \(region) ends at event \(new.sequence); it had \(old.sequence)."
        } else if new.sequence == old.sequence, new.hash != old.hash {
            event.objection = .wentBack
            event.explanation =
                "Event \(new.sequence) of the trail of \(region), or one before it, was altered."
        }
        return event
    }
}
