import Contracts
import RPC
import ReplicationLog
import SwiftProtobuf

/// Serves the trail of this Region.
struct TrailServiceHandler: TrailHandler {
    private static let checkpointsMax = 1_000

    let coordinator: Coordinator

    func record(
        _ request: TrailRecordRequest, context: ServerContext
    ) async throws -> TrailRecordResponse {
        guard (1...100).contains(request.events.count) else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_EVENTS", message: "1 to 100 events are needed.")
        }
        guard request.events.allSatisfy({ !$0.eventName.isEmpty && !$0.eventSource.isEmpty }) else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_EVENTS",
                message: "An event has no name or no source.")
        }
        return try await coordinator.answering {
            let ids = try await coordinator.trail.record(request.events)
            return .with { $0.eventIds = ids }
        }
    }

    func lookUp(
        _ request: TrailLookUpRequest, context: ServerContext
    ) async throws -> TrailLookUpResponse {
        guard request.pageSize <= 1_000 else {
            throw RPCError(
                .invalidArgument, reason: "InvalidMaxResultsException",
                message: "A page has at most 1000 events.")
        }
        if request.endTimeUs > 0, request.startTimeUs > request.endTimeUs {
            throw RPCError(
                .invalidArgument, reason: "InvalidTimeRangeException",
                message: "The start is after the end.")
        }
        let pageSize = request.pageSize == 0 ? 50 : Int(request.pageSize)
        let query = TrailQuery(
            attribute: try attribute(of: request),
            fromMicroseconds: request.startTimeUs > 0 ? request.startTimeUs : nil,
            toMicroseconds: request.endTimeUs > 0 ? request.endTimeUs : nil,
            before: try PageToken.sequence(request), limit: pageSize + 1)
        return try await coordinator.answering {
            var events = try await coordinator.engine.lookUp(query)
            var response = TrailLookUpResponse()
            if events.count > pageSize {
                events.removeLast()
                response.nextPageToken = PageToken.make(events.last?.sequence ?? 0, request)
            }
            response.events = events
            return response
        }
    }

    private func attribute(of request: TrailLookUpRequest) throws -> TrailQuery.Attribute {
        let value = request.attributeValue
        switch request.attributeName {
        case "": return .any
        case "EventId": return .eventID(value)
        case "EventName": return .eventName(value)
        case "Username": return .userName(value)
        case "ResourceName": return .resourceName(value)
        case "EventSource": return .eventSource(value)
        case "ReadOnly" where value == "true" || value == "false": return .readOnly(value == "true")
        default:
            throw RPCError(
                .invalidArgument, reason: "InvalidLookupAttributesException",
                message: "Events are looked up by EventId, EventName, ReadOnly, Username, "
                    + "ResourceName or EventSource.")
        }
    }

    func export(
        _ request: TrailExportRequest, context: ServerContext,
        responses: ResponseWriter<TrailExportResponse>
    ) async throws {
        try await coordinator.answering {
            var after = request.afterSequence
            while true {
                let events = try await coordinator.engine.trail(after: after, limit: 200)
                guard let last = events.last else { return }
                after = last.sequence
                try await responses.write(.with { $0.events = events })
            }
        }
    }

    func listCheckpoints(
        _ request: TrailListCheckpointsRequest, context: ServerContext
    ) async throws -> TrailListCheckpointsResponse {
        guard request.limit <= Self.checkpointsMax else {
            throw RPCError(
                .invalidArgument, reason: "InvalidMaxResultsException",
                message: "At most \(Self.checkpointsMax) checkpoints are listed.")
        }
        let limit = request.limit == 0 ? 100 : Int(request.limit)
        return try await coordinator.answering {
            var response = TrailListCheckpointsResponse()
            var query = TrailQuery(attribute: .eventName(CheckpointEvent.name), limit: 500)
            // Those of all Regions lie among each other.
            for _ in 0..<20 where response.checkpoints.count < limit {
                let page = try await coordinator.engine.lookUp(query)
                response.checkpoints += page.compactMap(CheckpointEvent.init)
                    .filter { $0.region == request.region }.map(\.wire)
                guard page.count == query.limit, let last = page.last else { break }
                query.before = last.sequence
            }
            response.checkpoints = Array(response.checkpoints.prefix(limit))
            return response
        }
    }

    func verify(
        _ request: TrailVerifyRequest, context: ServerContext
    ) async throws -> TrailVerifyResponse {
        guard request.checkpoints.count <= Self.checkpointsMax else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_CHECKPOINTS",
                message: "A trail is compared with at most \(Self.checkpointsMax) checkpoints.")
        }
        guard request.checkpoints.allSatisfy({ $0.region == coordinator.region }) else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_CHECKPOINTS",
                message: "A checkpoint is of another Region's trail.")
        }
        return try await coordinator.answering {
            let first = try await coordinator.engine.trail(after: 0, limit: 1).first?.hash
            // An empty trail is compared with all: nothing else tells that one is missing.
            let compared = request.checkpoints.filter { first == nil || $0.trail == first }
            let verdict = try await coordinator.engine.verifyTrail(
                against: compared.map { TrailChain(sequence: $0.sequence, hash: $0.hash) })
            return .with {
                $0.intact = verdict.firstBrokenSequence == nil
                $0.events = verdict.events
                $0.firstBrokenSequence = verdict.firstBrokenSequence ?? 0
                $0.headHash = verdict.headHash
                $0.explanation = verdict.explanation
                $0.checkpointsCompared = UInt32(compared.count)
                $0.checkpointsOfEarlierTrail = UInt32(request.checkpoints.count - compared.count)
            }
        }
    }
}

extension CheckpointEvent {
    fileprivate var wire: TrailListCheckpointsResponse.Witnessed {
        .with {
            $0.checkpoint = signed
            $0.eventSequence = sequence
            $0.eventTimeUs = timeMicroseconds
            $0.problem = explanation
        }
    }
}

/// Page tokens carry where to go on and a trace of the question, so that one of another question
/// is refused.
private enum PageToken {
    static func make(_ sequence: UInt64, _ request: TrailLookUpRequest) -> String {
        "\(sequence)-\(trace(of: request))"
    }

    static func sequence(_ request: TrailLookUpRequest) throws -> UInt64? {
        guard !request.pageToken.isEmpty else { return nil }
        let parts = request.pageToken.split(separator: "-")
        guard parts.count == 2, let sequence = UInt64(parts[0]), parts[1] == trace(of: request)
        else {
            throw RPCError(
                .invalidArgument, reason: "InvalidNextTokenException",
                message: "The page token does not belong to this question.")
        }
        return sequence
    }

    /// FNV-1a over the question; no protection, only a check against mistakes.
    private static func trace(of request: TrailLookUpRequest) -> String {
        let text =
            "\(request.attributeName)\u{0}\(request.attributeValue)\u{0}"
            + "\(request.startTimeUs)\u{0}\(request.endTimeUs)"
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        return String(hash, radix: 16)
    }
}
