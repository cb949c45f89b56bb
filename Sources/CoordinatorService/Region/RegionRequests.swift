import Contracts
import RPC
import ReplicationLog
import ServiceKit
import SwiftProtobuf

extension Coordinator {
    /// Starts the replication to another Region, after every precondition has been checked.
    ///
    /// Throws: FAILED_PRECONDITION REGION_PRECONDITIONS_FAILED, ABORTED WORKFLOW_IN_PROGRESS,
    /// ALREADY_EXISTS REGION_EXISTS; `notPrimary`.
    func addRegion(_ name: String, event: TrailEvent) async throws {
        _ = try requirePrimaryWithInstance()
        guard RegionName.isValid(name) else {
            throw invalid("\(name.prefix(64)) is not the name of a Region.")
        }
        try checkCanAdd(name, instance)
        let problems = await problems(ofAdding: name)
        guard problems.isEmpty else { throw RegionPreconditions.refusal(problems) }
        let record = CoordinatorRegion.with {
            $0.name = name
            $0.status = .adding
            $0.addedAtUs = now()
            $0.portalURL = settings.peers[name]?.portalURL ?? ""
            $0.coordinatorAddress = settings.peers[name]?.addresses[.coordinator]?.description ?? ""
        }
        let progress = CoordinatorRegionProgress.with {
            $0.startedAtUs = now()
            $0.remainingMs = -1
            $0.entriesTotal = entriesToCopy
        }
        // What an earlier membership acknowledged says nothing about this one.
        try await engine.forget(region: name)
        acknowledgements.forget(name)
        try await changeInstance(events: [event]) { state in
            try checkCanAdd(name, state)
            // The state may have moved while others were asked.
            let problems = RegionPreconditions(settings: settings, state: state, region: name)
                .problems
            guard problems.isEmpty else { throw RegionPreconditions.refusal(problems) }
            return [try .put(record), try .put(progress, of: name)]
        }
    }

    private func checkCanAdd(_ name: String, _ state: InstanceState) throws {
        if let present = state.regions[name], !present.primary {
            throw RPCError(
                .alreadyExists, reason: "REGION_EXISTS",
                message: "The instance is already in \(name), or on its way there or away.")
        }
        try checkNoWorkflow(state)
    }

    private func checkNoWorkflow(_ state: InstanceState) throws {
        guard let busy = state.regionInTransition else { return }
        throw RPCError(
            .aborted, reason: "WORKFLOW_IN_PROGRESS",
            message: "\(busy.name) is being \(busy.status == .adding ? "added" : "removed"); one "
                + "Region at a time.", metadata: ["region": busy.name])
    }

    /// Entries that a new Region gets from this one.
    var entriesToCopy: UInt64 {
        let streams = engine.state.streams
        return (streams[.control]?.entries ?? 0) + (streams[.regional(region)]?.entries ?? 0)
    }

    /// Starts the removal of a Region.
    ///
    /// Throws: NOT_FOUND REGION_NOT_FOUND, ABORTED WORKFLOW_IN_PROGRESS, INVALID_ARGUMENT
    /// ValidationException for the primary; `notPrimary`.
    ///
    /// `lost`: the Region is not asked to wipe its data.
    func removeRegion(_ name: String, lost: Bool = false, event: TrailEvent) async throws {
        _ = try requirePrimaryWithInstance()
        guard name != region else {
            throw invalid("\(name) is the primary Region and cannot be removed.")
        }
        if lost { return try await forgetRegion(name, event: event) }
        let progress = CoordinatorRegionProgress.with {
            $0.startedAtUs = now()
            $0.remainingMs = -1
        }
        try await changeInstance(events: [event]) { state in
            guard var record = state.regions[name] else { throw RPCError.noRegion(name) }
            try checkNoWorkflow(state)
            record.status = .removing
            return [try .put(record), try .put(progress, of: name)]
        }
    }

    /// Forgets a Region that is gone for good. Should it return, it hears that it is not part of the
    /// instance any more.
    ///
    /// Throws: FAILED_PRECONDITION REGION_REACHABLE when it answers.
    private func forgetRegion(_ name: String, event: TrailEvent) async throws {
        guard instance.regions[name] != nil else { throw RPCError.noRegion(name) }
        if (try? await exchangeReigns(with: name, timeout: settings.timings.reignAnswerMax)) != nil
        {
            throw RPCError(
                .failedPrecondition, reason: "REGION_REACHABLE",
                message: "\(name) answers: remove it in order, so that its data is wiped there.")
        }
        try await engine.forget(region: name)
        acknowledgements.forget(name)
        try await changeInstance(events: [event]) { state in
            guard state.regions[name] != nil else { throw RPCError.noRegion(name) }
            return [.delete(InstanceKey.region(name)), .delete(InstanceKey.workflow(name))]
        }
    }

    /// Ends the addition of a Region that is on its way; the workflow takes it back.
    ///
    /// Throws: NOT_FOUND REGION_NOT_FOUND, FAILED_PRECONDITION REGION_NOT_ADDING; `notPrimary`.
    func cancelRegion(_ name: String, event: TrailEvent) async throws {
        _ = try requirePrimaryWithInstance()
        try await changeInstance(events: [event]) { state in
            guard let record = state.regions[name] else { throw RPCError.noRegion(name) }
            guard record.status == .adding else {
                throw RPCError(
                    .failedPrecondition, reason: "REGION_NOT_ADDING",
                    message: "\(name) is not being added.")
            }
            var progress = state.workflows[name] ?? CoordinatorRegionProgress()
            progress.failureReason = RegionWorkflow.cancelled
            return [try .put(progress, of: name)]
        }
    }

    /// How far a workflow is: the kept record, and what the Region has acknowledged since.
    func progress(
        of name: String, _ state: InstanceState
    ) -> CoordinatorRegionProgress? {
        guard var progress = state.workflows[name] else { return nil }
        guard let region = state.regions[name], region.status == .adding else { return progress }
        let applied = acknowledgements.info(name)?.entriesApplied ?? 0
        let total = max(progress.entriesTotal, entriesToCopy)
        progress.entriesTotal = max(total, applied)
        progress.entriesCopied = applied
        let seconds = Double(now() - progress.startedAtUs) / 1_000_000
        if seconds > 0, applied > 0 {
            progress.entriesPerSecond = Double(applied) / seconds
            let remaining = Double(progress.entriesTotal - applied) / progress.entriesPerSecond
            progress.remainingMs = Int64((remaining * 1_000).rounded())
        }
        return progress
    }
}
