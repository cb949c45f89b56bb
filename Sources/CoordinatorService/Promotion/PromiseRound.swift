import Contracts
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// Asks the other Regions to follow a candidate as the primary of an epoch.
///
/// Two candidates cannot both have a majority of one epoch, since a Region promises each epoch once.
/// The primary itself does not count: only it can hand over, and it does so once. A forced candidate
/// therefore needs a majority of the others, and a planned one as many as meet every such majority
/// (Docs/promotion.md).
struct PromiseRound {
    typealias Answer = CoordinatorPromoteRegionResponse.Answer

    /// Epochs tried when one has been promised to somebody else.
    private static let attemptsMax = 8

    let coordinator: Coordinator
    let candidate: String
    /// All but the present primary.
    let voters: [String]
    let isForced: Bool

    /// What the round has brought.
    struct Outcome {
        var epoch: UInt64
        var answers: [Answer]
        var isEnough: Bool

        var refusals: [Answer] { answers.filter { !$0.promised && $0.control.sequence > 0 } }
        var unreachable: [Answer] { answers.filter { !$0.promised && $0.control.sequence == 0 } }
    }

    /// Promises that are needed.
    var needed: Int {
        let majority = voters.count / 2 + 1
        return isForced ? majority : max(1, voters.count - majority + 1)
    }

    /// Asks for the next epoch that nobody else has been promised.
    func run() async throws -> Outcome {
        var epoch = (coordinator.engine.state.identity?.epoch ?? 0) + 1
        var outcome = Outcome(epoch: epoch, answers: [], isEnough: false)
        for _ in 0..<Self.attemptsMax {
            let (answers, taken) = try await ask(epoch)
            let promises = answers.filter(\.promised)
            outcome = Outcome(
                epoch: epoch, answers: answers,
                isEnough: promises.count >= needed
                    && promises.contains { $0.region == candidate })
            guard taken >= epoch else { return outcome }
            epoch = taken + 1
            // Of two candidates that block each other one comes first the next time.
            try await Task.sleep(for: .milliseconds(Int.random(in: 1...250)))
        }
        return outcome
    }

    /// All answers, and the highest epoch that somebody has promised to another candidate.
    private func ask(_ epoch: UInt64) async throws -> ([Answer], taken: UInt64) {
        var taken: UInt64 = 0
        var answers: [Answer] = []
        if let own = try await ownPromise(epoch) {
            taken = own.promised ? 0 : own.taken
            answers.append(own.answer)
            // An epoch that is taken here already need not be asked of others.
            guard own.promised else { return (answers, taken) }
        }
        let others = voters.filter { $0 != coordinator.region }
        let responses = await withTaskGroup(
            of: (String, Result<CoordinatorPromiseReignResponse, any Error>).self
        ) { group in
            for voter in others {
                group.addTask { (voter, await response(of: voter, epoch)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for (voter, result) in responses {
            switch result {
            case .success(let response):
                if let history = ReignHistory(response.reigns) {
                    try await coordinator.follow(history)
                }
                taken = max(taken, response.promised ? 0 : response.promisedEpoch)
                answers.append(
                    .with {
                        $0.region = voter
                        $0.promised = response.promised
                        $0.control = response.control
                        $0.problem = response.explanation
                    })
            case .failure(let error):
                answers.append(
                    .with {
                        $0.region = voter
                        $0.problem = (error as? RPCError)?.message ?? "no answer"
                    })
            }
        }
        return (answers.sorted { $0.region < $1.region }, taken)
    }

    private func response(
        of voter: String, _ epoch: UInt64
    ) async -> Result<CoordinatorPromiseReignResponse, any Error> {
        do {
            return .success(
                try await coordinator.replication(in: voter).promiseReign(
                    .with {
                        $0.region = candidate
                        $0.logID = coordinator.engine.state.identity?.logID ?? ""
                        $0.epoch = epoch
                        $0.forced = isForced
                    }, options: CallOptions(timeout: coordinator.settings.timings.call)))
        } catch {
            return .failure(error)
        }
    }

    /// This Region's own word, when it is among those asked.
    private func ownPromise(
        _ epoch: UInt64
    ) async throws -> (promised: Bool, taken: UInt64, answer: Answer)? {
        guard voters.contains(coordinator.region) else { return nil }
        let granted = try await coordinator.promise(
            Succession(epoch: epoch, primaryRegion: candidate))
        let answer = Answer.with {
            $0.region = coordinator.region
            $0.promised = granted.problem.isEmpty
            $0.control = coordinator.engine.state.position(of: .control)
            $0.problem = granted.problem
        }
        return (granted.problem.isEmpty, granted.taken, answer)
    }
}

extension Coordinator {
    /// Promises durably, or says why not and which epoch is taken.
    func promise(_ succession: Succession) async throws -> (problem: String, taken: UInt64) {
        do {
            _ = try await engine.amend(events: []) { identity, _ throws(LogError) in
                try identity.promise(succession)
            }
            return ("", 0)
        } catch let error as LogError where error.code == .epochStale {
            let identity = engine.state.identity
            return (error.message, max(identity?.promise?.epoch ?? 0, identity?.epoch ?? 0))
        }
    }
}
