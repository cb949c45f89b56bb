import Contracts
import Foundation
import Logging
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// Brings a Region back that has written, or received, more than a later reign took over: exports that,
/// goes back to where the paths part (or copies again) and proves that it is equal. Every step follows from what is on disk.
struct ForkRepair {
    let coordinator: Coordinator

    func run() async throws {
        var backOff = BackOff(coordinator.settings.timings)
        while true {
            let version = coordinator.hub.version
            guard let identity = coordinator.engine.state.identity,
                let fork = identity.forkedAfter
            else {
                try await coordinator.hub.wait(past: version)
                continue
            }
            do {
                try await repair(identity, fork)
                backOff.reset()
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                coordinator.logger.error(
                    "what is not part of the log could not be exported; it stays until it is",
                    metadata: ["error": "\(error)"])
                try await Task.sleep(for: backOff.next())
            }
        }
    }

    private func repair(_ identity: LogIdentity, _ fork: UInt64) async throws {
        let export = try await ForkExport(
            coordinator: coordinator, identity: identity, fork: fork
        ).run()
        if let export {
            for path in [export.path, export.reportPath] { try await coordinator.keep(path) }
        }
        var details: [String: any Sendable] = [
            "forkedAfter": String(fork), "epoch": String(identity.epoch),
            "primaryRegion": identity.primaryRegion,
            "entries": String(export?.entries ?? 0),
            "damaged": String(export?.damaged ?? 0),
        ]
        if let export { details["file"] = export.path }
        _ = try await coordinator.trail.record([
            coordinator.serviceEvent("ExportUnreplicatedEntries", details)
        ])
        coordinator.logger.warning(
            "entries that are not part of the log have been exported and are dropped",
            metadata: [
                "entries": "\(export?.entries ?? 0)", "report": "\(export?.reportPath ?? "none")",
            ])
        try await leaveFork()
        try await proveEqual(to: identity.primaryRegion)
    }

    /// Goes back to where the fork began; where that is not possible any more, to the beginning.
    private func leaveFork() async throws {
        var isCut = false
        do {
            isCut = try await coordinator.mending { try await coordinator.engine.cutFork() }
        } catch let error as LogError where error.damaged != nil {
            // Its share in the digest cannot be taken back.
        }
        if !isCut { try await coordinator.engine.drop(.control, isExported: true) }
    }

    /// The copy is complete when it has been compared.
    private func proveEqual(to primary: String) async throws {
        let digests = DigestGuard(coordinator: coordinator)
        let end = ContinuousClock.now + coordinator.settings.timings.workflowStallMax
        while .now < end {
            guard coordinator.engine.state.identity?.primaryRegion == primary else { return }
            if let compared = try await digests.proof(of: .control, against: primary) {
                _ = try await coordinator.trail.record([
                    coordinator.serviceEvent(
                        "RejoinInstance",
                        [
                            "primaryRegion": primary, "digestsCompared": String(compared),
                            "equal": "true",
                        ])
                ])
                return
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
