import Logging
import Contracts
import Foundation
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

/// Takes Regions from ADDING to ACTIVE and from REMOVING to gone. Runs in the primary; everything it
/// needs to go on after a restart is in the instance's records.
struct RegionWorkflow {
    let coordinator: Coordinator

    func run() async throws {
        while true {
            let version = coordinator.hub.version
            if coordinator.isPrimary, let region = coordinator.instance.regionInTransition {
                switch region.status {
                case .adding: try await add(region)
                default: try await remove(region)
                }
                // Whatever happened, the next look is not at once.
                try await Task.sleep(for: .milliseconds(50))
            } else {
                try await coordinator.hub.wait(past: version)
            }
        }
    }

    // MARK: - Adding

    private func add(_ region: CoordinatorRegion) async throws {
        do {
            try await invite(region)
            try await awaitCopy(to: region.name)
            try checkNotCancelled(region.name)
            try await activate(region.name)
        } catch {
            // A call that ends because this process does says CANCELLED, too.
            try Task.checkCancellation()
            let reason = (coordinator.outgoing(error) as? RPCError)?.message ?? "\(error)"
            coordinator.logger.warning(
                "adding a Region failed",
                metadata: ["region": "\(region.name)", "reason": "\(reason)"])
            try await abandon(region.name, reason: reason)
        }
    }

    /// Brings the signing key there and tells the Region to join. Tried again until it stalls.
    private func invite(_ region: CoordinatorRegion) async throws {
        try await retrying {
            try checkNotCancelled(region.name)
            try await replicateSigningKey(to: region.name)
            guard let identity = coordinator.engine.state.identity,
                let instance = coordinator.instance.instance
            else { throw RPCError.noInstance(coordinator.region) }
            _ = try await coordinator.replication(in: region.name).joinInstance(
                .with {
                    $0.logID = identity.logID
                    $0.epoch = identity.epoch
                    $0.primaryRegion = identity.primaryRegion
                    $0.instance = instance
                    $0.reigns = identity.history.wire
                }, options: CallOptions(timeout: coordinator.settings.timings.call))
        }
    }

    /// Throws: ABORTED CANCELLED.
    private func checkNotCancelled(_ region: String) throws {
        guard coordinator.instance.workflows[region]?.failureReason == Self.cancelled else {
            return
        }
        throw RPCError(.aborted, reason: "CANCELLED", message: Self.cancelled)
    }

    /// How a cancelled addition ends; also the mark that says so to the workflow.
    static let cancelled = "Cancelled by an administrator."

    private func replicateSigningKey(to region: String) async throws {
        guard let keyID = coordinator.instance.instance?.signingKeyID, !keyID.isEmpty else {
            return
        }
        do {
            _ = try await coordinator.keyManagement(in: coordinator.region).replicateKey(
                .with {
                    $0.keyID = keyID
                    $0.replicaRegion = region
                    $0.description_p = "Signs the sessions of the instance"
                }, options: CallOptions(timeout: coordinator.settings.timings.call))
        } catch let error as RPCError where error.code == .alreadyExists {
            return
        }
    }

    /// Tries again while the other side cannot be reached; other refusals are final.
    private func retrying(_ body: () async throws -> Void) async throws {
        let timings = coordinator.settings.timings
        var backOff = BackOff(timings)
        let start = ContinuousClock.now
        while true {
            do {
                return try await body()
            } catch let error as RPCError
                where [.unavailable, .deadlineExceeded, .cancelled].contains(error.code)
            {
                try Task.checkCancellation()
                if start.duration(to: .now) > timings.workflowStallMax { throw error }
                try await Task.sleep(for: backOff.next())
            }
        }
    }

    /// Waits until the Region has acknowledged what is here now. Fails when it makes no progress.
    private func awaitCopy(to region: String) async throws {
        let streams = [StreamName.control, .regional(coordinator.region)]
        let state = coordinator.engine.state
        let target = streams.map { ($0, state.position(of: $0).sequence) }
        var seen: UInt64 = 0
        var lastProgress = ContinuousClock.now
        while true {
            try checkNotCancelled(region)
            let info = coordinator.acknowledgements.info(region)
            let isCopied = target.allSatisfy { (info?.applied[$0] ?? 0) >= $1 }
            let isConnected = info?.isConnected(at: coordinator.now()) ?? false
            if isCopied, isConnected, info?.hasSpoken ?? false { return }
            let applied = info?.applied.values.reduce(0, +) ?? 0
            if applied != seen {
                seen = applied
                lastProgress = .now
            }
            if lastProgress.duration(to: .now) > coordinator.settings.timings.workflowStallMax {
                throw RPCError(
                    .unavailable, reason: "REGION_STALLED",
                    message: "\(region) has made no progress for "
                        + "\(coordinator.settings.timings.workflowStallMax).")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func activate(_ name: String) async throws {
        try await coordinator.changeInstance(events: [event("AddRegion", name, "ACTIVE")]) {
            state in
            guard var record = state.regions[name], record.status == .adding else { return [] }
            record.status = .active
            return [try .put(record), .delete(InstanceKey.workflow(name))]
        }
    }

    /// Takes back a failed attempt; its reason is kept.
    private func abandon(_ name: String, reason: String) async throws {
        try? await leave(name)
        let copied = coordinator.acknowledgements.info(name)?.entriesApplied ?? 0
        try await persist {
            try await coordinator.changeInstance(
                events: [event("AddRegion", name, "FAILED", reason: reason)]
            ) { state in
                guard state.regions[name]?.status == .adding else { return [] }
                var progress = state.workflows[name] ?? CoordinatorRegionProgress()
                progress.entriesCopied = copied
                progress.failureReason = reason
                return [.delete(InstanceKey.region(name)), try .put(progress, of: name)]
            }
        }
    }

    // MARK: - Removing

    private func remove(_ region: CoordinatorRegion) async throws {
        do {
            try await fetchRest(of: region.name)
            try await leave(region.name)
        } catch {
            try Task.checkCancellation()
            try await note(error, for: region.name)
            try await Task.sleep(for: coordinator.settings.timings.backOffMax)
            return
        }
        try await persist {
            try await coordinator.engine.forget(region: region.name)
            coordinator.acknowledgements.forget(region.name)
            try await coordinator.changeInstance(
                events: [event("RemoveRegion", region.name, "REMOVED")]
            ) { state in
                guard state.regions[region.name]?.status == .removing else { return [] }
                return [
                    .delete(InstanceKey.region(region.name)),
                    .delete(InstanceKey.workflow(region.name)),
                ]
            }
        }
    }

    /// Waits, for a bounded time, until this Region holds all that the leaving one has written: it
    /// gets that back when it returns.
    private func fetchRest(of region: String) async throws {
        let stream = StreamName.regional(region)
        for _ in 0..<50 {
            let answer = try await coordinator.replication(in: region).getDigests(
                .init(), options: CallOptions(timeout: coordinator.settings.timings.call))
            let head = answer.digests.filter { $0.stream == stream.text }.map(\.sequence).max() ?? 0
            if coordinator.engine.state.position(of: stream).sequence >= head { return }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func leave(_ region: String) async throws {
        let logID = coordinator.engine.state.identity?.logID ?? ""
        _ = try await coordinator.replication(in: region).leaveInstance(
            .with { $0.logID = logID },
            options: CallOptions(timeout: coordinator.settings.timings.call))
    }

    /// Keeps why a removal does not get on; it is tried again until it does.
    private func note(_ error: any Error, for name: String) async throws {
        let reason = (coordinator.outgoing(error) as? RPCError)?.message ?? "\(error)"
        guard coordinator.instance.workflows[name]?.failureReason != reason else { return }
        try await persist {
            try await coordinator.changeInstance { state in
                var progress = state.workflows[name] ?? CoordinatorRegionProgress()
                progress.failureReason = reason
                return [try .put(progress, of: name)]
            }
        }
    }

    // MARK: - Common

    /// Tries a write again until the log takes it: a full disk delays a workflow, it does not end it.
    private func persist(_ body: () async throws -> Void) async throws {
        var backOff = BackOff(coordinator.settings.timings)
        while true {
            do {
                return try await body()
            } catch let error as LogError {
                coordinator.logger.warning(
                    "a step of a workflow could not be recorded", metadata: ["error": "\(error)"])
                try await Task.sleep(for: backOff.next())
            }
        }
    }

    private func event(
        _ name: String, _ region: String, _ status: String, reason: String = ""
    ) -> TrailEvent {
        TrailEvent(
            name: name, source: AdministrativeCall.source,
            actor: .with {
                $0.type = "AWSService"
                $0.userName = "coordinator.\(coordinator.region)"
            }, type: "AwsServiceEvent",
            serviceDetails: reason.isEmpty
                ? ["regionName": region, "status": status]
                : ["regionName": region, "status": status, "reason": reason])
    }
}
