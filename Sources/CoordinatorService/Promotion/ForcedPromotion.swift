import Contracts
import Logging
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// This Region takes the place of a primary that cannot be reached, with what it has received.
struct ForcedPromotion {
    let coordinator: Coordinator
    let request: CoordinatorPromoteRegionRequest
    let event: TrailEvent

    private var region: String { coordinator.region }

    func run() async throws -> CoordinatorPromoteRegionResponse {
        guard request.region == region else {
            throw RPCError(
                .failedPrecondition, reason: "WRONG_REGION",
                message: "A Region is promoted by force in itself: ask \(request.region).",
                metadata: ["region": request.region])
        }
        _ = try coordinator.promotable(region)
        guard let identity = coordinator.engine.state.identity, identity.mayWriteOwnStream else {
            throw RPCError(
                .failedPrecondition, reason: "REGION_NOT_ACTIVE",
                message: "\(region) has not got back its own stream yet.")
        }
        let former = identity.primaryRegion
        try await checkUnreachable(former)
        let heard = coordinator.subscriptions.info(former)
        let round = PromiseRound(
            coordinator: coordinator, candidate: region,
            voters: coordinator.voters(besides: former), isForced: true)
        let outcome = try await round.run()
        try await check(outcome, needed: round.needed, of: round.voters.count)
        let begins = try await takeOver(outcome.epoch)
        let keys = await KeyRole(coordinator: coordinator).assume()
        return .with {
            $0.region = region
            $0.epoch = outcome.epoch
            $0.beginsAfter = begins
            $0.lastHeard = heard?.heads[.control] ?? begins
            $0.primarySilentUs = (heard?.lastSeen).map { coordinator.now() - $0 } ?? -1
            $0.writeGapUs = -1
            $0.answers = outcome.answers
            $0.keys = keys
        }
    }

    /// A primary that answers hands over in order, without loss.
    private func checkUnreachable(_ former: String) async throws {
        do {
            let answer = try await coordinator.exchangeReigns(
                with: former, timeout: coordinator.settings.timings.reignAnswerMax)
            _ = try coordinator.promotable(region)
            throw RPCError(
                .failedPrecondition, reason: "PRIMARY_REACHABLE",
                message: "The primary \(former) answers, at \(answer.control.sequence) of the "
                    + "control stream. Promote without force, so that nothing is lost.")
        } catch let error as RPCError
            where ["PRIMARY_REACHABLE", "ALREADY_PRIMARY"].contains(error.reason)
        {
            throw error
        } catch let error as RPCError {
            coordinator.logger.notice(
                "the primary cannot be reached",
                metadata: ["primary": "\(former)", "problem": "\(error.reason)"])
        }
    }

    private func check(
        _ outcome: PromiseRound.Outcome, needed: Int, of voters: Int
    ) async throws {
        if let refusal = outcome.refusals.first {
            throw RPCError(
                .failedPrecondition, reason: "PROMISED_OTHERWISE",
                message: "\(refusal.region) refuses: \(refusal.problem)",
                metadata: ["region": refusal.region])
        }
        if let ahead = ahead(outcome) {
            try? await CandidateCatchUp(coordinator: coordinator)
                .run(from: ahead.region, to: ahead.control)
        }
        if let ahead = ahead(outcome), !request.acceptLoss {
            let own = coordinator.engine.state.position(of: .control)
            throw RPCError(
                .failedPrecondition, reason: "REPLICA_BEHIND",
                message: "\(ahead.region) has received more (\(ahead.control.sequence), "
                    + "\(region) \(own.sequence)) and did not send it: promote \(ahead.region), or "
                    + "accept the loss of what only it has.",
                metadata: ["region": ahead.region])
        }
        guard outcome.isEnough || request.acceptUnreachable else {
            let silent = outcome.unreachable.map(\.region).joined(separator: ", ")
            throw RPCError(
                .failedPrecondition, reason: "PROMISES_MISSING",
                message: "\(region) needs the promise of \(needed) of \(voters) Regions, and "
                    + "\(silent) cannot be asked. If you are sure that nobody promotes a Region "
                    + "there, accept that they are unreachable.")
        }
    }

    /// Who has received most, when that is more than this Region has.
    private func ahead(_ outcome: PromiseRound.Outcome) -> PromiseRound.Answer? {
        let own = coordinator.engine.state.position(of: .control)
        return outcome.answers.filter {
            ($0.control.epoch, $0.control.sequence) > (own.epoch, own.sequence)
        }.max { ($0.control.epoch, $0.control.sequence) < ($1.control.epoch, $1.control.sequence) }
    }

    /// Where the new reign begins.
    private func takeOver(_ epoch: UInt64) async throws -> LogPosition {
        let succession = Succession(epoch: epoch, primaryRegion: region)
        let region = region
        try await coordinator.changeInstance(events: [event], succession: succession) { state in
            try coordinator.changes(toPrimary: region, state)
        }
        guard let identity = coordinator.engine.state.identity else {
            throw RPCError.noInstance(region)
        }
        coordinator.logger.notice(
            "this Region has taken the place of a primary that cannot be reached",
            metadata: [
                "epoch": "\(identity.epoch)", "after": "\(identity.history.current.after)",
            ])
        return identity.history.beginning(of: identity.history.current)
    }
}
