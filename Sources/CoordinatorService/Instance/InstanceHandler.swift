import Contracts
import RPC
import ReplicationLog
import SwiftProtobuf

/// Serves the instance and its Regions. Reads are local; writes belong to the primary.
struct InstanceHandler: CoordinatorInstanceAdministrationHandler {
    let coordinator: Coordinator

    func createInstance(
        _ request: CoordinatorCreateInstanceRequest, context: ServerContext
    ) async throws -> CoordinatorCreateInstanceResponse {
        let call = AdministrativeCall(
            coordinator, "CreateInstance", context, request: ["name": request.name])
        return try await call.run { try await coordinator.createInstance(request, event: $0) }
    }

    func getInstance(
        _ request: CoordinatorGetInstanceRequest, context: ServerContext
    ) async throws -> CoordinatorGetInstanceResponse {
        try await coordinator.wait(for: request.atLeast)
        var answer = present()
        guard answer.hasInstance else { throw RPCError.noInstance(coordinator.region) }
        answer.instance.encryption = coordinator.described(answer.instance.encryption)
        return answer
    }

    func rotateDataKeys(
        _ request: CoordinatorRotateDataKeysRequest, context: ServerContext
    ) async throws -> CoordinatorRotateDataKeysResponse {
        let call = AdministrativeCall(coordinator, "RotateDataKeys", context, request: [:])
        return try await call.run { try await coordinator.rotateDataKeys(event: $0) }
    }

    func watchInstance(
        _ request: CoordinatorWatchInstanceRequest, context: ServerContext,
        responses: ResponseWriter<CoordinatorGetInstanceResponse>
    ) async throws {
        var sent: CoordinatorGetInstanceResponse?
        while true {
            let version = coordinator.hub.version
            let answer = present()
            if answer != sent {
                try await responses.write(answer)
                sent = answer
            }
            try await coordinator.hub.wait(past: version)
        }
    }

    private func present() -> CoordinatorGetInstanceResponse {
        let state = coordinator.instance
        let identity = coordinator.engine.state.identity
        return .with {
            if var instance = state.instance {
                // The records follow the reign a moment later.
                if let identity { instance.primaryRegion = identity.primaryRegion }
                $0.instance = instance
            }
            if let provider = state.identityProvider { $0.identityProvider = provider }
            $0.regions = state.regionList(primary: identity?.primaryRegion)
            $0.region = coordinator.region
            $0.epoch = identity?.epoch ?? 0
            $0.logID = identity?.logID ?? ""
            $0.reigns = identity?.history.wire ?? []
        }
    }

    func updateInstance(
        _ request: CoordinatorUpdateInstanceRequest, context: ServerContext
    ) async throws -> CoordinatorUpdateInstanceResponse {
        var parameters: [String: any Sendable] = [:]
        if request.hasName { parameters["name"] = request.name }
        if request.hasKmsKeyID {
            parameters["encryptionConfiguration"] =
                ["keyType": "CUSTOMER_MANAGED_KEY", "kmsKeyArn": request.kmsKeyID]
                as [String: String]
        }
        if request.hasSessionDurationSeconds {
            parameters["sessionDurationSeconds"] = Int(request.sessionDurationSeconds)
        }
        if request.hasAdministratorGroupID {
            parameters["administratorGroupId"] = request.administratorGroupID
        }
        if request.hasIdentitySource {
            parameters["identitySource"] = "\(request.identitySource)"
        }
        let call = AdministrativeCall(
            coordinator, "UpdateInstance", context, request: parameters)
        return try await call.run { try await coordinator.updateInstance(request, event: $0) }
    }

    func putIdentityProvider(
        _ request: CoordinatorPutIdentityProviderRequest, context: ServerContext
    ) async throws -> CoordinatorPutIdentityProviderResponse {
        let call = AdministrativeCall(
            coordinator, "EnableExternalIdPConfigurationForDirectory", context,
            request: ["entityId": request.identityProvider.entityID])
        return try await call.run { try await coordinator.putIdentityProvider(request, event: $0) }
    }

    func addRegion(
        _ request: CoordinatorAddRegionRequest, context: ServerContext
    ) async throws -> CoordinatorAddRegionResponse {
        let call = AdministrativeCall(
            coordinator, "AddRegion", context, request: ["regionName": request.region])
        return try await call.run { event in
            try await coordinator.addRegion(request.region, event: event)
            return .with { $0.status = .adding }
        }
    }

    func removeRegion(
        _ request: CoordinatorRemoveRegionRequest, context: ServerContext
    ) async throws -> CoordinatorRemoveRegionResponse {
        let call = AdministrativeCall(
            coordinator, "RemoveRegion", context,
            request: request.lost
                ? ["regionName": request.region, "lost": true] : ["regionName": request.region])
        return try await call.run { event in
            try await coordinator.removeRegion(request.region, lost: request.lost, event: event)
            return .with { $0.status = .removing }
        }
    }

    func cancelRegion(
        _ request: CoordinatorCancelRegionRequest, context: ServerContext
    ) async throws -> CoordinatorCancelRegionResponse {
        let call = AdministrativeCall(
            coordinator, "CancelRegion", context, request: ["regionName": request.region])
        return try await call.run { event in
            try await coordinator.cancelRegion(request.region, event: event)
            return .init()
        }
    }

    func promoteRegion(
        _ request: CoordinatorPromoteRegionRequest, context: ServerContext
    ) async throws -> CoordinatorPromoteRegionResponse {
        let call = AdministrativeCall(
            coordinator, "PromoteRegion", context,
            request: [
                "regionName": request.region, "force": request.force,
                "acceptUnreachable": request.acceptUnreachable, "acceptLoss": request.acceptLoss,
            ])
        return try await call.run { try await coordinator.promoteRegion(request, event: $0) }
    }

    func listUnreplicated(
        _ request: CoordinatorListUnreplicatedRequest, context: ServerContext
    ) async throws -> CoordinatorListUnreplicatedResponse {
        let exports = try await coordinator.unreplicatedExports()
        return .with { $0.exports = exports }
    }

    func reapplySettings(
        _ request: CoordinatorReapplySettingsRequest, context: ServerContext
    ) async throws -> CoordinatorReapplySettingsResponse {
        let call = AdministrativeCall(
            coordinator, "ReapplySettings", context,
            request: ["records": request.records.count, "dryRun": request.dryRun])
        return try await call.run { event in
            let outcomes = try await SettingsReapply(coordinator: coordinator)
                .run(request, event: event)
            return .with { $0.outcomes = outcomes }
        }
    }

    func describeRegion(
        _ request: CoordinatorDescribeRegionRequest, context: ServerContext
    ) async throws -> CoordinatorDescribeRegionResponse {
        let state = coordinator.instance
        let progress = coordinator.progress(of: request.region, state)
        guard let region = state.regions[request.region] else {
            // Kept so that the reason of a failed attempt can still be read.
            guard let progress, !progress.failureReason.isEmpty else {
                throw RPCError.noRegion(request.region)
            }
            return .with { $0.progress = progress }
        }
        let primary = coordinator.engine.state.identity?.primaryRegion
        return .with {
            $0.region = region
            $0.region.primary = region.name == primary
            if let progress { $0.progress = progress }
        }
    }

    func listRegions(
        _ request: CoordinatorListRegionsRequest, context: ServerContext
    ) async throws -> CoordinatorListRegionsResponse {
        let primary = coordinator.engine.state.identity?.primaryRegion
        return .with { $0.regions = coordinator.instance.regionList(primary: primary) }
    }

    func listAvailableRegions(
        _ request: CoordinatorListAvailableRegionsRequest, context: ServerContext
    ) async throws -> CoordinatorListAvailableRegionsResponse {
        let regions = await coordinator.availableRegions()
        return .with { $0.regions = regions }
    }

    func getReplicationStatus(
        _ request: CoordinatorGetReplicationStatusRequest, context: ServerContext
    ) async throws -> CoordinatorGetReplicationStatusResponse {
        coordinator.replicationStatus()
    }

    func verifyRegions(
        _ request: CoordinatorVerifyRegionsRequest, context: ServerContext
    ) async throws -> CoordinatorVerifyRegionsResponse {
        try await RegionVerification(coordinator).run(until: context.deadline)
    }
}

extension RPCError {
    static func noRegion(_ region: String) -> RPCError {
        RPCError(
            .notFound, reason: "REGION_NOT_FOUND",
            message: "The instance is not in the Region \(region.prefix(64)).")
    }
}
