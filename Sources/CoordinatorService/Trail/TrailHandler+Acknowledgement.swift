import Contracts
import RPC
import ReplicationLog
import SwiftProtobuf

extension TrailServiceHandler {
    private static let noteLengthMax = 1_000

    func acknowledgeTrailProblem(
        _ request: TrailAcknowledgeTrailProblemRequest, context: ServerContext
    ) async throws -> TrailAcknowledgeTrailProblemResponse {
        let call = AdministrativeCall(
            coordinator, "AcknowledgeTrailProblem", context,
            request: ["region": request.region, "note": String(request.note.prefix(1_000))])
        return try await call.run { event in
            guard (1...Self.noteLengthMax).contains(request.note.count) else {
                throw RPCError(
                    .invalidArgument, reason: "INVALID_NOTE",
                    message:
                        "Say in 1 to \(Self.noteLengthMax) characters what is known of the cause.")
            }
            return try await coordinator.witnessed.exclusively {
                try await acknowledge(request.region, event)
            }
        }
    }

    private func acknowledge(
        _ region: String, _ event: TrailEvent
    ) async throws -> TrailAcknowledgeTrailProblemResponse {
        guard let known = coordinator.witnessed.state.regions[region],
            let standing = known.standing
        else {
            throw RPCError(
                .failedPrecondition, reason: "NO_TRAIL_PROBLEM",
                message: "There is no alarm that the trail of \(region) went back or "
                    + "began anew.")
        }
        guard known.newest.objection != .unsigned else {
            throw RPCError(
                .failedPrecondition, reason: "CHECKPOINT_NOT_SIGNED",
                message: "The newest checkpoint of \(region) is not signed by its "
                    + "coordinator: later ones could not follow it.")
        }
        var accepted = known.newest
        accepted.objection = nil
        accepted.explanation = ""
        accepted.timeMicroseconds = coordinator.now()
        // One commit: who acknowledged it, and what holds from now on.
        _ = try await coordinator.trail.record([event, accepted.draft])
        coordinator.witnessed.add(accepted)
        return .with { $0.problem = standing.explanation }
    }
}
