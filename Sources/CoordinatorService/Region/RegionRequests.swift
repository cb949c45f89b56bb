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
    func removeRegion(_ name: String, event: TrailEvent) async throws {
        let held = try requirePrimaryWithInstance()
        guard name != held.primaryRegion else {
            throw invalid("\(name) is the primary Region and cannot be removed.")
        }
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
