import Contracts
import Logging
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// Keeps all Regions on one history: asks the others once a second, and at once after a change here.
/// The first round after a start lets a primary write only once it has asked whether it still is.
struct ReignWatch {
    let coordinator: Coordinator

    /// The first round, in every coordinator of the Region: also one that does not lead takes writes.
    func begin() async throws {
        await round()
        try Task.checkCancellation()
        coordinator.writeHold.release(.start)
    }

    func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await exchange() }
            group.addTask { try await takeOver() }
        }
    }

    private func exchange() async throws {
        var known: UInt64?
        var next = ContinuousClock.now
        while true {
            let epoch = coordinator.engine.state.identity?.epoch
            if epoch != known || .now >= next {
                known = epoch
                next = .now + coordinator.settings.timings.reignExchange
                try await begin()
            }
            try await Task.sleep(
                for: min(.milliseconds(50), coordinator.settings.timings.reignExchange))
        }
    }

    /// Asks all Regions at once; who does not answer in time is left alone until the next round.
    private func round() async {
        guard let identity = coordinator.engine.state.identity else { return }
        var peers = Set(coordinator.instance.regions.keys)
        peers.insert(identity.primaryRegion)
        peers.remove(coordinator.region)
        let timeout = coordinator.settings.timings.reignAnswerMax
        await withTaskGroup(of: Void.self) { group in
            for peer in peers {
                group.addTask {
                    _ = try? await coordinator.exchangeReigns(with: peer, timeout: timeout)
                }
            }
        }
    }

    /// Becomes the primary that the log itself names: the last entries of a handover have come.
    private func takeOver() async throws {
        while true {
            let version = coordinator.hub.version
            if let handover = coordinator.instance.handover,
                let history = coordinator.engine.state.identity?.history,
                handover.prevails(over: history.current), let next = history.adding(handover)
            {
                do {
                    try await coordinator.follow(next)
                } catch let error as LogError {
                    coordinator.logger.error(
                        "the role of the primary could not be taken over",
                        metadata: ["error": "\(error)"])
                    try await Task.sleep(for: .milliseconds(200))
                    continue
                }
            }
            try await coordinator.hub.wait(past: version)
        }
    }
}

extension Coordinator {
    /// Tells another Region the reigns known here, and follows those it knows.
    @discardableResult
    func exchangeReigns(
        with peer: String, timeout: Duration
    ) async throws -> CoordinatorExchangeReignsResponse {
        guard let identity = engine.state.identity else {
            throw LogError(.regionNotEnabled, "The Region \(region) holds no instance.")
        }
        let sentAt = now()
        let answer = try await replication(in: peer).exchangeReigns(
            .with {
                $0.region = region
                $0.logID = identity.logID
                $0.reigns = identity.history.wire
            }, options: CallOptions(timeout: timeout))
        peers.note(answer, of: peer, sentAt: sentAt, now: now())
        if let history = ReignHistory(answer.reigns) { try await follow(history) }
        return answer
    }
}
