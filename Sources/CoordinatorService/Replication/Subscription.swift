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
        guard let code = refusal.flatMap({ LogError.Code(rawValue: $0.reason) }) else { return }
        let expired = SubscriptionRules.streamsToCopyAgain(
            from: peer, after: code, coordinator.engine.state)
        for stream in expired { try? await coordinator.engine.drop(stream) }
    }

    private func once() async throws {
        // Who writes what is settled first: a reign that has ended sends nothing more.
        try await coordinator.exchangeReigns(
            with: peer, timeout: coordinator.settings.timings.call)
        let state = coordinator.engine.state
        guard let identity = state.identity else { return }
        let wanted = Set(SubscriptionRules.streams(from: peer, state))
        coordinator.subscriptions.change(peer) { info in
            info.lags = info.lags.filter { wanted.contains($0.key) }
        }
        let client = try coordinator.replication(in: peer)
        let messages = try await client.subscribe(
            .with {
                $0.region = coordinator.region
                $0.logID = identity.logID
                $0.after = SubscriptionRules.after(from: peer, state)
                $0.purged = SubscriptionRules.purged(from: peer, state)
            })
        try await withThrowingTaskGroup(of: Void.self) { group in
            let backlog = ReceivedBacklog()
            group.addTask { try await receive(messages, identity.logID, into: backlog) }
            group.addTask { try await store(backlog) }
            group.addTask { try await watch() }
            group.addTask { try await stay(in: identity) }
            group.addTask { try await acknowledge(client) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func receive(
        _ messages: MessageStream<CoordinatorSubscribeResponse>, _ logID: String,
        into backlog: ReceivedBacklog
    ) async throws {
        for try await message in messages {
            let batch = try ReceivedBatch(
                sender: peer, logID: logID, stream: message.stream, entries: message.entries,
                after: message.after.sequence, through: message.through,
                compactedThrough: message.compactedThrough, purgedThrough: message.purgedThrough
            ).validated()
            try await backlog.put(ReceivedBacklog.Item(message: message, batch: batch))
        }
        // What has come counts, also when the peer sends nothing more in this reign.
        try await backlog.drained()
        throw RPCError(
            .unavailable, reason: "SUBSCRIPTION_ENDED", message: "\(peer) ended the subscription.")
    }

    /// Stores what has been received. Returns when this Region has got its own stream back.
    private func store(_ backlog: ReceivedBacklog) async throws {
        while true {
            let items = try await backlog.take()
            let positions = try await coordinator.mending {
                try await coordinator.engine.apply(items.map(\.batch))
            }
            // The primary then gets this stream from here: subscribe anew, without it.
            if try await note(items.map(\.message), positions) { return }
        }
    }

    /// Notes what has been stored; true when the own stream is whole.
    private func note(
        _ messages: [CoordinatorSubscribeResponse], _ positions: [LogPosition]
    ) async throws -> Bool {
        for (message, position) in zip(messages, positions) {
            let canary = message.entries.last { $0.domain == DomainOwners.canary }
            let now = coordinator.now()
            coordinator.subscriptions.change(peer) {
                $0.isConnected = true
                $0.problem = nil
                $0.lastSeen = now
                $0.entriesApplied += UInt64(message.entries.count)
                guard let stream = StreamName(message.stream) else { return }
                $0.heads[stream] = message.head
                if let canary { $0.lags[stream] = max(0, now - canary.writtenAtUs) }
            }
            if try await takesOverOwnStream(message, position) { return true }
        }
        return false
    }

    /// Once a returning Region holds all that the primary holds of its stream, it writes it again.
    private func takesOverOwnStream(
        _ message: CoordinatorSubscribeResponse, _ position: LogPosition
    ) async throws -> Bool {
        guard let stream = StreamName(message.stream),
            SubscriptionRules.takesOverOwnStream(
                stream, position: position, head: message.head, coordinator.engine.state)
        else { return false }
        try await coordinator.engine.amend(events: []) { identity, _ in
            identity.mayWriteOwnStream = true
        }
        return true
    }

    /// Returns when another reign has begun, or the fork of this Region has been dropped: what the peer
    /// sends is then another set of streams.
    private func stay(in identity: LogIdentity) async throws {
        while true {
            let version = coordinator.hub.version
            let present = coordinator.engine.state.identity
            guard present?.history == identity.history,
                present?.forkedAfter == identity.forkedAfter
            else { return }
            try await coordinator.hub.wait(past: version)
        }
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
                $0.applied = SubscriptionRules.applied(from: peer, state)
                $0.entriesApplied = info.entriesApplied
                $0.lagUs = info.lag
                $0.lags = info.lags.sorted { $0.key.text < $1.key.text }.map { stream, lag in
                    .with {
                        $0.stream = stream.text
                        $0.lagUs = lag
                    }
                }
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
