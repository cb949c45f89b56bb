import Contracts
import Logging
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// After a restore from a backup: keeps the Region read-only until it has ruled out that others have
/// seen more, or has caught up with them.
struct RestoreProof {
    let coordinator: Coordinator

    func run() async throws {
        var told = ""
        while true {
            try await Task.sleep(for: coordinator.settings.timings.canary)
            guard let identity = coordinator.engine.state.identity, identity.isRestored else {
                continue
            }
            let others = try await digestsOfOthers()
            let verdict = RestoreVerdict.of(coordinator.engine.state, others: others)
            do {
                if verdict == .proved { try await resume() }
            } catch let error as LogError {
                coordinator.logger.warning(
                    "the restored Region could not resume", metadata: ["error": "\(error)"])
            }
            let text = Self.explanation(verdict)
            if text != told { coordinator.logger.notice("\(text)") }
            told = text
        }
    }

    /// Nil for a Region that does not answer.
    private func digestsOfOthers() async throws -> [String: [LogDomainDigest]?] {
        var others: [String: [LogDomainDigest]?] = [:]
        for region in coordinator.instance.regions.keys where region != coordinator.region {
            let answer = try? await coordinator.replication(in: region).getDigests(
                .init(), options: CallOptions(timeout: coordinator.settings.timings.call))
            others[region] = .some(answer?.digests)
        }
        try Task.checkCancellation()
        return others
    }

    private func resume() async throws {
        let event = TrailEvent(
            name: "RestoreProved", source: AdministrativeCall.source,
            actor: .with {
                $0.type = "AWSService"
                $0.userName = "coordinator.\(coordinator.region)"
            }, type: "AwsServiceEvent", serviceDetails: ["region": coordinator.region])
        try await coordinator.engine.amend(events: coordinator.trail.drafts([event])) {
            identity, _ in
            identity.isRestored = false
            identity.mayWriteOwnStream = true
        }
    }

    private static func explanation(_ verdict: RestoreVerdict) -> String {
        switch verdict {
        case .proved: "the restored Region is equal to the others and writes again"
        case .waiting(let reason): "the restored Region is read-only: \(reason)"
        case .behind(let region, let stream):
            "the restored Region is read-only: \(region) has seen more of \(stream); promote "
                + "\(region), and this Region catches up"
        case .differs(let region, let stream, let domains):
            "the restored Region is read-only: \(region) holds something else of \(stream) "
                + domains.joined(separator: ", ")
        }
    }
}
