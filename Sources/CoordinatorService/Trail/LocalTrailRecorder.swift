import Contracts
import ServiceKit

/// Records into the trail without a call.
struct LocalTrailRecorder: TrailRecorder {
    let coordinator: Coordinator

    func record(_ events: [TrailEvent]) async throws {
        try await coordinator.answering { _ = try await coordinator.trail.record(events) }
    }
}
