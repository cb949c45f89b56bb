import Logging
import Contracts
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf
import Synchronization

/// This Region's subscription to one other Region: supervised, resumed from the durable position.
struct Subscription {
    let coordinator: Coordinator
    let peer: String

    /// Runs until cancelled. Failures are noted and tried again after a while.
    func run() async throws {
        var backOff = BackOff(coordinator.settings.timings)
        while true {
            let began = ContinuousClock.now
            do {
                try await once()
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                try Task.checkCancellation()
                await note(error)
            }
            coordinator.subscriptions.change(peer) { $0.isConnected = false }
            if began.duration(to: .now) > coordinator.settings.timings.backOffMax {
                backOff.reset()
            }
            try await Task.sleep(for: backOff.next())
        }
    }

    private func note(_ error: any Error) async {
        let refusal = coordinator.outgoing(error) as? RPCError
        let problem = refusal.map { "\($0.reason): \($0.message)" } ?? "\(error)"
        coordinator.subscriptions.change(peer) { $0.problem = problem }
        coordinator.logger.info(
            "the subscription ended", metadata: ["peer": "\(peer)", "problem": "\(problem)"])
        // Deletions that this Region has missed are no longer kept: it copies again.
        if refusal?.reason == LogError.Code.positionExpired.rawValue {
            for stream in streams where stream.region != coordinator.region {
                try? await coordinator.engine.drop(stream)
            }
        }
    }

    /// The streams that the peer sends.
    private var streams: [StreamName] {
        guard let identity = coordinator.engine.state.identity else { return [] }
        var streams = [StreamName.regional(peer)]
        if identity.primaryRegion == peer {
            streams.append(.control)
            if !identity.mayWriteOwnStream { streams.append(.regional(coordinator.region)) }
        }
        return streams
    }

    private func once() async throws {
        guard let identity = coordinator.engine.state.identity else { return }
        let state = coordinator.engine.state
        let client = try coordinator.replication(in: peer)
        let messages = try await client.subscribe(
            .with {
                $0.region = coordinator.region
                $0.logID = identity.logID
                $0.after = streams.map { state.position(of: $0) }
            })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await receive(messages, identity.logID) }
            group.addTask { try await watch() }
            group.addTask { try await acknowledge(client) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func receive(
        _ messages: MessageStream<CoordinatorSubscribeResponse>, _ logID: String
    ) async throws {
        for try await message in messages {
            let position = try await coordinator.engine.apply(
                ReceivedBatch(
                    sender: peer, logID: logID, stream: message.stream, entries: message.entries,
                    after: message.after.sequence, through: message.through,
                    compactedThrough: message.compactedThrough
                ).validated())
            let canary = message.entries.last { $0.domain == DomainOwners.canary }
            let now = coordinator.now()
            coordinator.subscriptions.change(peer) {
                $0.isConnected = true
                $0.problem = nil
                $0.lastSeen = now
                $0.skew = message.sentAtUs - now
                $0.entriesApplied += UInt64(message.entries.count)
                if let canary { $0.lag = max(0, now - canary.writtenAtUs) }
            }
            // The primary then gets this stream from here: subscribe anew, without it.
            if try await takesOverOwnStream(message, position) { return }
        }
        throw RPCError(
            .unavailable, reason: "SUBSCRIPTION_ENDED", message: "\(peer) ended the subscription.")
    }

    /// Once a returning Region holds all that the primary holds of its stream, it writes it again.
    private func takesOverOwnStream(
        _ message: CoordinatorSubscribeResponse, _ position: LogPosition
    ) async throws -> Bool {
        guard message.stream == StreamName.regional(coordinator.region).text,
            position.sequence >= message.head.sequence,
            var identity = coordinator.engine.state.identity, !identity.mayWriteOwnStream
        else { return false }
        identity.mayWriteOwnStream = true
        try await coordinator.engine.establish(identity)
        return true
    }

    /// Gives up a peer that has gone silent.
    private func watch() async throws {
        let began = coordinator.now()
        let silenceMax = coordinator.settings.timings.peerSilenceMax
        while true {
            try await Task.sleep(for: silenceMax / 4)
            let seen = max(began, coordinator.subscriptions.info(peer)?.lastSeen ?? 0)
            guard Duration.microseconds(coordinator.now() - seen) <= silenceMax else {
                throw RPCError(
                    .unavailable, reason: "PEER_SILENT",
                    message: "\(peer) has said nothing for \(silenceMax).")
            }
        }
    }

    /// Tells the peer how far this Region is, when it has got further.
    private func acknowledge(_ client: CoordinatorReplicationClient) async throws {
        var told: CoordinatorAcknowledgeRequest?
        while true {
            let state = coordinator.engine.state
            let info = coordinator.subscriptions.info(peer) ?? SubscriptionBook.Info()
            let request = CoordinatorAcknowledgeRequest.with {
                $0.region = coordinator.region
                $0.applied = streams.filter { state.gate.writer(of: $0) == peer }
                    .map { state.position(of: $0) }
                $0.entriesApplied = info.entriesApplied
                $0.lagUs = info.lag
            }
            if request != told, info.isConnected {
                _ = try await client.acknowledge(
                    request, options: CallOptions(timeout: coordinator.settings.timings.call))
                told = request
            }
            try await Task.sleep(for: coordinator.settings.timings.acknowledgement)
        }
    }
}
