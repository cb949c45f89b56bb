import Contracts
import RPC
import ReplicationLog
import SwiftProtobuf

/// Decides whether this Region promises to follow a candidate.
struct PromiseAnswer {
    let coordinator: Coordinator

    func answer(
        _ request: CoordinatorPromiseReignRequest, from sender: String
    ) async throws -> CoordinatorPromiseReignResponse {
        var response = CoordinatorPromiseReignResponse()
        let primary = coordinator.engine.state.identity?.primaryRegion ?? ""
        if !request.forced, sender != primary {
            response.explanation = "\(sender) is not the primary here; \(primary) is."
        } else if request.forced, await hears(primary) {
            response.hearsPrimary = true
            response.explanation = "the primary \(primary) answers here."
        } else {
            let granted = try await coordinator.promise(
                Succession(epoch: request.epoch, primaryRegion: request.region))
            response.promised = granted.problem.isEmpty
            response.explanation = granted.problem
            response.promisedEpoch = granted.taken
        }
        let state = coordinator.engine.state
        response.control = state.position(of: .control)
        response.reigns = state.identity?.history.wire ?? []
        return response
    }

    /// Asks, since a primary that was heard a second ago may be gone now.
    private func hears(_ primary: String) async -> Bool {
        guard primary != coordinator.region else { return true }
        let timeout = coordinator.settings.timings.reignAnswerMax
        let answer = try? await coordinator.exchangeReigns(with: primary, timeout: timeout)
        return answer != nil && coordinator.engine.state.identity?.primaryRegion == primary
    }
}
