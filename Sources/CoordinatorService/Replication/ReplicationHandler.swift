import Logging
import Contracts
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// Serves the coordinators of other Regions.
struct ReplicationHandler: CoordinatorReplicationHandler {
    /// Entries that one call fetches: with the largest values they fit into a message.
    private static let fetchedMax = 16

    let coordinator: Coordinator

    func subscribe(
        _ request: CoordinatorSubscribeRequest, context: ServerContext,
        responses: ResponseWriter<CoordinatorSubscribeResponse>
    ) async throws {
        let sender = try sendingRegion(context, named: request.region)
        try await coordinator.answering {
            try checkLog(request.logID)
            try checkPath(request.after)
            var session = SubscribeSession(coordinator, sender, request, responses)
            coordinator.acknowledgements.subscribed(sender, by: 1)
            defer { coordinator.acknowledgements.subscribed(sender, by: -1) }
            try await session.run()
        }
    }

    func acknowledge(
        _ request: CoordinatorAcknowledgeRequest, context: ServerContext
    ) async throws -> CoordinatorAcknowledgeResponse {
        let sender = try sendingRegion(context, named: request.region)
        guard coordinator.isMember(sender) else { throw RPCError.notMember(sender) }
        coordinator.acknowledgements.acknowledge(request, at: coordinator.now())
        return .init()
    }

    func checkRegion(
        _ request: CoordinatorCheckRegionRequest, context: ServerContext
    ) async throws -> CoordinatorCheckRegionResponse {
        _ = try sendingRegion(context, named: nil)
        let problems = await RegionCheck(coordinator: coordinator).problems(request)
        return .with { $0.problems = problems }
    }

    func joinInstance(
        _ request: CoordinatorJoinInstanceRequest, context: ServerContext
    ) async throws -> CoordinatorJoinInstanceResponse {
        let sender = try sendingRegion(context, named: request.primaryRegion)
        guard request.epoch >= 1, (1...64).contains(request.logID.utf8.count) else {
            throw RPCError(
                .invalidArgument, reason: "INVALID_LOG", message: "The log has no ID or no epoch.")
        }
        try await coordinator.answering {
            let history =
                ReignHistory(request.reigns)
                ?? ReignHistory(epoch: request.epoch, primaryRegion: request.primaryRegion)
            guard history.current.epoch == request.epoch,
                history.current.primaryRegion == request.primaryRegion
            else {
                throw RPCError(
                    .invalidArgument, reason: "INVALID_LOG", message: "The reigns do not fit.")
            }
            if let held = coordinator.engine.state.identity, held.logID == request.logID {
                guard coordinator.isMember(sender) else { throw RPCError.notMember(sender) }
                try await coordinator.follow(history)
                return
            }
            var identity = LogIdentity(
                logID: request.logID, region: coordinator.region, history: history,
                mayWriteOwnStream: false)
            // Who was a member before has another reading of the log now: its services' positions and
            // snapshots speak of what may have been forgotten since.
            identity.incarnation = UInt64(max(coordinator.now(), 0))
            try await coordinator.engine.establish(identity)
            _ = try await coordinator.trail.record([
                membershipEvent("JoinInstance", sender, request.instance.instanceArn)
            ])
            coordinator.logger.notice(
                "this Region takes part in an instance",
                metadata: ["primary": "\(sender)", "instance": "\(request.instance.instanceArn)"])
        }
        return .init()
    }

    func leaveInstance(
        _ request: CoordinatorLeaveInstanceRequest, context: ServerContext
    ) async throws -> CoordinatorLeaveInstanceResponse {
        let sender = try sendingRegion(context, named: nil)
        try await coordinator.answering {
            guard let held = coordinator.engine.state.identity else { return }
            guard held.primaryRegion == sender, sender != coordinator.region else {
                throw LogError(.wrongWriter, "\(sender) is not the primary of this instance.")
            }
            try checkLog(request.logID)
            let arn = coordinator.instance.instance?.instanceArn ?? ""
            let event = membershipEvent("LeaveInstance", sender, arn)
            try await coordinator.engine.wipe(events: coordinator.trail.drafts([event]))
            coordinator.acknowledgements.forgetAll()
            coordinator.logger.notice(
                "this Region has left the instance and dropped its data",
                metadata: ["primary": "\(sender)"])
        }
        return .init()
    }

    func exchangeReigns(
        _ request: CoordinatorExchangeReignsRequest, context: ServerContext
    ) async throws -> CoordinatorExchangeReignsResponse {
        let sender = try sendingRegion(context, named: request.region)
        return try await coordinator.answering {
            try checkLog(request.logID)
            // A Region that has been removed may still hear, but is not listened to.
            if coordinator.isMember(sender), let history = ReignHistory(request.reigns) {
                try await coordinator.follow(history)
            }
            let state = coordinator.engine.state
            return .with {
                $0.reigns = state.identity?.history.wire ?? []
                $0.control = state.position(of: .control)
                $0.nowUs = coordinator.now()
            }
        }
    }

    func promiseReign(
        _ request: CoordinatorPromiseReignRequest, context: ServerContext
    ) async throws -> CoordinatorPromiseReignResponse {
        let sender = try sendingRegion(context, named: request.forced ? request.region : nil)
        return try await coordinator.answering {
            try checkLog(request.logID)
            guard coordinator.isMember(sender), coordinator.isMember(request.region),
                RegionName.isValid(request.region)
            else { throw RPCError.notMember(request.region) }
            return try await PromiseAnswer(coordinator: coordinator)
                .answer(request, from: sender)
        }
    }

    func fetchEntries(
        _ request: CoordinatorFetchEntriesRequest, context: ServerContext
    ) async throws -> CoordinatorFetchEntriesResponse {
        let sender = try sendingRegion(context, named: nil)
        return try await coordinator.answering {
            try checkLog(request.logID)
            guard coordinator.isMember(sender) else { throw RPCError.notMember(sender) }
            guard let stream = StreamName(request.stream),
                (1...Self.fetchedMax).contains(request.sequences.count),
                request.sequences.allSatisfy({ $0 < 1 << 47 })
            else {
                throw RPCError(
                    .invalidArgument, reason: "INVALID_POSITION",
                    message: "1 to \(Self.fetchedMax) sequences of a stream are needed.")
            }
            let entries = try await coordinator.engine.entries(of: stream, at: request.sequences)
            return .with {
                $0.entries = entries
                $0.head = coordinator.engine.state.position(of: stream)
            }
        }
    }

    func getDigests(
        _ request: CoordinatorGetDigestsRequest, context: ServerContext
    ) async throws -> CoordinatorGetDigestsResponse {
        _ = try sendingRegion(context, named: nil)
        return .with { $0.digests = coordinator.engine.state.digests }
    }

    /// The Region whose coordinator calls, as its certificate says.
    ///
    /// Throws: PERMISSION_DENIED REGION_MISMATCH.
    private func sendingRegion(_ context: ServerContext, named name: String?) throws -> String {
        guard case .service("coordinator", let region) = context.peer,
            region != coordinator.region, name == nil || name == region
        else {
            throw RPCError(
                .permissionDenied, reason: "REGION_MISMATCH",
                message: "The request does not come from the coordinator of the Region it names.")
        }
        return region
    }

    /// A subscriber that stands where this log never was must come to know it first.
    ///
    /// Throws: `forked`.
    private func checkPath(_ positions: [LogPosition]) throws {
        guard let identity = coordinator.engine.state.identity, identity.isPrimary else { return }
        for position in positions where position.stream == StreamName.control.text {
            guard
                position.epoch == 0
                    || identity.history.contains(epoch: position.epoch, sequence: position.sequence)
            else {
                throw LogError(
                    .forked,
                    "Position \(position.sequence) of epoch \(position.epoch) is not part of the log."
                )
            }
        }
    }

    private func checkLog(_ logID: String) throws {
        guard let held = coordinator.engine.state.identity else {
            throw LogError(
                .regionNotEnabled, "The Region \(coordinator.region) holds no instance.")
        }
        guard held.logID == logID else {
            throw LogError(.logMismatch, "The Region \(coordinator.region) holds another log.")
        }
    }

    private func membershipEvent(
        _ name: String, _ sender: String, _ instanceARN: String
    ) -> TrailEvent {
        TrailEvent(
            name: name, source: AdministrativeCall.source,
            actor: .with {
                $0.type = "AWSService"
                $0.userName = "coordinator.\(sender)"
            }, type: "AwsServiceEvent",
            serviceDetails: ["primaryRegion": sender, "instanceArn": instanceARN])
    }
}

extension RPCError {
    static func notMember(_ region: String) -> RPCError {
        RPCError(
            .failedPrecondition, reason: "REGION_NOT_MEMBER",
            message: "The Region \(region) is not part of the instance.")
    }
}
