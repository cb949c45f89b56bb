import Contracts
import RPC
import ReplicationLog
import SwiftProtobuf

extension Coordinator {
    /// Makes another Region, or with force this one, the primary.
    ///
    /// Throws: see PromoteRegion in the contract.
    func promoteRegion(
        _ request: CoordinatorPromoteRegionRequest, event: TrailEvent
    ) async throws -> CoordinatorPromoteRegionResponse {
        guard RegionName.isValid(request.region) else {
            throw invalid("\(request.region.prefix(64)) is not the name of a Region.")
        }
        guard promotionGate.enter() else {
            throw RPCError(
                .aborted, reason: "WORKFLOW_IN_PROGRESS",
                message: "Another promotion is under way in \(region).")
        }
        defer { promotionGate.leave() }
        guard engine.state.identity != nil, instance.instance != nil else {
            throw RPCError.noInstance(region)
        }
        if request.force {
            return try await ForcedPromotion(
                coordinator: self, request: request, event: event
            ).run()
        }
        guard !request.acceptLoss, !request.acceptUnreachable else {
            throw invalid("Only a forced promotion accepts losses or missing Regions.")
        }
        return try await PlannedPromotion(
            coordinator: self, target: request.region, event: event
        ).run()
    }

    /// The record of a Region that may become the primary.
    func promotable(_ name: String) throws -> CoordinatorRegion {
        guard let record = instance.regions[name] else { throw RPCError.noRegion(name) }
        guard name != engine.state.identity?.primaryRegion else {
            throw RPCError(
                .failedPrecondition, reason: "ALREADY_PRIMARY",
                message: "\(name) is the primary Region already.")
        }
        guard record.status == .active else {
            throw RPCError(
                .failedPrecondition, reason: "REGION_NOT_ACTIVE",
                message: "\(name) is not active: only a Region that holds everything can take over."
            )
        }
        return record
    }

    /// The instance and its Regions with another primary.
    func changes(
        toPrimary name: String, _ state: InstanceState
    ) throws -> [InstanceChange] {
        guard var held = state.instance else { throw RPCError.noInstance(region) }
        held.primaryRegion = name
        var changes: [InstanceChange] = [try .put(held)]
        for var record in state.regions.values.sorted(by: { $0.name < $1.name })
        where record.primary != (record.name == name) {
            record.primary = record.name == name
            changes.append(try .put(record))
        }
        return changes
    }
}
