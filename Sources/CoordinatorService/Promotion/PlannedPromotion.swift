import Contracts
import Logging
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// The primary hands over: its last entry names the successor, and in the same transaction it stops
/// being the primary. The successor takes over when it has received that entry, and with it all that
/// came before; so nothing that was acknowledged is lost, and there are never two primaries.
struct PlannedPromotion {
    private static let reach: UInt64 = 2_000

    let coordinator: Coordinator
    let target: String
    let event: TrailEvent

    func run() async throws -> CoordinatorPromoteRegionResponse {
        _ = try coordinator.requirePrimaryWithInstance()
        _ = try coordinator.promotable(target)
        try checkNothingElse()
        try await checkKey()
        try await awaitReach()
        let round = try await promises()
        let began = ContinuousClock.now
        let handover = try await handOver(round.epoch)
        try await awaitSuccessor(handover, round.epoch)
        let gap = began.duration(to: .now)
        coordinator.logger.notice(
            "the role of the primary has been handed over",
            metadata: ["to": "\(target)", "epoch": "\(round.epoch)", "after": "\(gap)"])
        let keys = await KeyRole(coordinator: coordinator).hand(to: target)
        return .with {
            $0.region = target
            $0.epoch = round.epoch
            $0.beginsAfter = handover
            $0.lastHeard = handover
            $0.primarySilentUs = -1
            $0.writeGapUs = gap.microseconds
            $0.answers = round.answers
            $0.keys = keys
        }
    }

    /// One change at a time.
    private func checkNothingElse() throws {
        if let busy = coordinator.instance.regionInTransition {
            throw RPCError(
                .aborted, reason: "WORKFLOW_IN_PROGRESS",
                message: "\(busy.name) is being \(busy.status == .adding ? "added" : "removed"); "
                    + "wait until that is done.", metadata: ["region": busy.name])
        }
        guard coordinator.instance.instance?.encryption.status != .updating else {
            throw RPCError(
                .aborted, reason: "WORKFLOW_IN_PROGRESS",
                message: "The KMS key is being changed; wait until that is done.")
        }
    }

    /// A Region whose services cannot use the key could not serve as the primary.
    private func checkKey() async throws {
        guard let held = coordinator.instance.instance, !held.encryption.kmsKeyArn.isEmpty else {
            return
        }
        let problems = await coordinator.remoteProblems(
            of: target, keyARN: held.encryption.kmsKeyArn, held)
        guard problems.isEmpty else { throw RegionPreconditions.refusal(problems) }
    }

    /// The successor must be close behind before writes are held back.
    private func awaitReach() async throws {
        let end = ContinuousClock.now + coordinator.settings.timings.promotionCatchUpMax
        while true {
            let behind = try await behind()
            if behind <= Self.reach { return }
            guard .now < end else {
                throw RPCError(
                    .failedPrecondition, reason: "REPLICA_BEHIND",
                    message: "\(target) is \(behind) entries behind; promote it when it has caught "
                        + "up (portolan status).")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func behind() async throws -> UInt64 {
        let answer: CoordinatorExchangeReignsResponse
        do {
            answer = try await coordinator.exchangeReigns(
                with: target, timeout: coordinator.settings.timings.call)
        } catch let error as RPCError {
            throw RPCError(
                .unavailable, reason: "REGION_UNREACHABLE",
                message: "\(target) cannot be asked: \(error.message)", cause: error)
        }
        let head = coordinator.engine.state.position(of: .control).sequence
        return head - min(head, answer.control.sequence)
    }

    private func promises() async throws -> PromiseRound.Outcome {
        let round = PromiseRound(
            coordinator: coordinator, candidate: target,
            voters: coordinator.voters(besides: coordinator.region), isForced: false)
        let outcome = try await round.run()
        guard outcome.isEnough else {
            let reasons = outcome.answers.filter { !$0.promised }
                .map { "\($0.region): \($0.problem)" }.joined(separator: "; ")
            throw RPCError(
                .failedPrecondition, reason: "PROMISES_MISSING",
                message: "\(target) needs the promise of \(round.needed) of "
                    + "\(round.voters.count) Regions, its own among them. Missing: \(reasons)")
        }
        return outcome
    }

    /// Holds writes back until the successor has everything, then writes the handover. Where the old
    /// reign ends.
    private func handOver(_ epoch: UInt64) async throws -> LogPosition {
        coordinator.writeHold.hold(.promotion)
        defer { coordinator.writeHold.release(.promotion) }
        let end = ContinuousClock.now + coordinator.settings.timings.promotionDrainMax
        while try await behind() > 0 {
            guard .now < end else {
                throw RPCError(
                    .failedPrecondition, reason: "REPLICA_BEHIND",
                    message: "\(target) did not receive the last entries in time; "
                        + "\(coordinator.region) remains the primary.")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        let succession = Succession(epoch: epoch, primaryRegion: target)
        let target = target
        return try await coordinator.changeInstance(events: [event], succession: succession) {
            state in
            let handover = InstanceChange.put(
                InstanceKey.handover,
                try LogReign.with {
                    $0.epoch = epoch
                    $0.primaryRegion = target
                }.serializedData())
            return try coordinator.changes(toPrimary: target, state) + [handover]
        }
    }

    /// From here on there is no way back: this Region is not the primary any more.
    private func awaitSuccessor(_ handover: LogPosition, _ epoch: UInt64) async throws {
        let end = ContinuousClock.now + coordinator.settings.timings.promotionTakeOverMax
        while true {
            let answer = try? await coordinator.exchangeReigns(
                with: target, timeout: coordinator.settings.timings.reignAnswerMax)
            if let last = answer?.reigns.last, last.epoch >= epoch { return }
            try Task.checkCancellation()
            guard .now < end else {
                throw RPCError(
                    .unavailable, reason: "SUCCESSOR_SILENT",
                    message: "The role has been handed over to \(target), which does not answer. "
                        + "It takes over as soon as it has received entry \(handover.sequence); if "
                        + "it is lost, force the promotion of another Region.")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
