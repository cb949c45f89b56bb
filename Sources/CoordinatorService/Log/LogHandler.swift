import Contracts
import RPC
import ReplicationLog
import SwiftProtobuf

/// Serves the log to the services of the same Region.
struct LogHandler: CoordinatorLogHandler {
    let coordinator: Coordinator

    func append(
        _ request: CoordinatorAppendRequest, context: ServerContext
    ) async throws -> CoordinatorAppendResponse {
        let region = coordinator.region
        let stream = try DomainOwners.stream(
            for: request.domain, scope: request.scope, peer: context.peer, region: region)
        if stream == .control { try await coordinator.writeHold.pass() }
        return try await coordinator.answering {
            if coordinator.instance.regions[region]?.status == .removing {
                throw LogError(
                    .regionNotEnabled, "The Region \(region) is being removed from the instance.")
            }
            var command = AppendCommand(
                stream: stream, domain: request.domain,
                expectedDomainSequence: request.expectedDomainSequence,
                records: request.records, events: coordinator.trail.drafts(request.events),
                requestID: request.requestID, writtenAtMicroseconds: coordinator.now())
            if !request.logID.isEmpty { command.readingID = request.logID }
            if !request.afterRequestID.isEmpty { command.afterRequestID = request.afterRequestID }
            let outcome = try await append(command)
            return .with {
                $0.position = outcome.position
                $0.firstSequence = outcome.firstSequence
                $0.writtenAtUs = outcome.writtenAtMicroseconds
            }
        }
    }

    /// An append may overtake the one that it follows: it waits a moment for it.
    private func append(_ command: AppendCommand) async throws -> AppendOutcome {
        let end = ContinuousClock.now + Self.predecessorWait
        while true {
            do {
                return try await coordinator.mending {
                    try await coordinator.engine.append(command)
                }
            } catch let error as LogError where error.code == .predecessorUnknown {
                guard .now < end else { throw error }
                try await Task.sleep(for: .milliseconds(1))
            }
        }
    }

    /// Requests of one connection are under way together; this is what may lie between them.
    private static var predecessorWait: Duration { .milliseconds(50) }

    func tail(
        _ request: CoordinatorTailRequest, context: ServerContext,
        responses: ResponseWriter<CoordinatorTailResponse>
    ) async throws {
        guard (1...16).contains(request.domains.count) else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_DOMAINS", message: "1 to 16 domains are needed.")
        }
        try await coordinator.answering {
            var session = TailSession(coordinator, request, responses)
            try await session.run()
        }
    }

    func getPositions(
        _ request: CoordinatorGetPositionsRequest, context: ServerContext
    ) async throws -> CoordinatorGetPositionsResponse {
        let state = coordinator.engine.state
        return .with {
            $0.logID = state.identity?.logID ?? ""
            $0.heads = state.heads
        }
    }
}
