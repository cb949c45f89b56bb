import AccessPolicy
import Contracts
import Foundation
import Logging
import RPC

/// The old primary's side of UpdatePrimaryRegion.
///
/// The intention is on disk before the other Region is asked, which answers the same when it is
/// asked again; so an interrupted change is brought to its end later and there is never a second
/// primary.
struct PrimaryMover: Sendable {
    let administration: KeyAdministration
    let synchronizer: ReplicaSynchronizer
    let sender: KeySender

    private var configuration: KeyServiceConfiguration { administration.configuration }

    func move(
        _ request: KeysUpdatePrimaryRegionRequest, _ caller: Caller, _ context: ServerContext
    ) async throws {
        let region = request.primaryRegion
        // The replica must have everything that the primary has.
        let named = try administration.ring.key(request.keyID, .exact, allowsAlias: false)
        if named.isPrimary, named.stored.replicaRegions.contains(region) {
            synchronizer.markChanged(named.stored.keyID)
            await synchronizer.synchronize()
        }
        let key = try await administration.perform(
            "UpdatePrimaryRegion", context,
            request: ["keyId": request.keyID, "primaryRegion": region]
        ) {
            let key = try check(request, caller)
            let account = caller.account
            let promotion = Promotion(
                region: region, principalARN: account?.arn ?? "", roleARN: account?.roleARN ?? "",
                identityPoliciesAllow: caller.identityAllows(
                    "kms:UpdatePrimaryRegion",
                    resource: configuration.arn(keyID: key.stored.keyID, region: region)))
            return .init(resource: key.arn) {
                try administration.save(
                    key.stored.with {
                        $0.state = .updating
                        $0.promotion = promotion
                    })
            }
        }
        do {
            try await finish(key.stored.keyID)
        } catch {
            let failure = sender.explained(error, region, "UpdatePrimaryRegion")
            await administration.recordFailure("UpdatePrimaryRegion", context, key.arn, failure)
            throw failure
        }
    }

    /// Goes on with what was begun; for maintenance.
    func finishAll() async {
        for key in administration.ring.keys where key.stored.promotion != nil {
            do {
                try await finish(key.stored.keyID)
            } catch {
                administration.logger.warning(
                    "a change of the primary Region is not complete",
                    metadata: ["key": "\(key.arn)", "error": "\(error)"])
            }
        }
    }

    private func check(
        _ request: KeysUpdatePrimaryRegionRequest, _ caller: Caller
    ) throws -> ActiveKey {
        let region = request.primaryRegion
        let key = try administration.ring.key(request.keyID, .exact, allowsAlias: false)
        return try administration.meter.metered("UpdatePrimaryRegion", key, caller) {
            try administration.authorizer.authorizeMove(caller, of: key, to: region)
            guard key.isPrimary else {
                throw RPCError.unsupported("\(key.arn) is not the primary key of several Regions.")
            }
            try key.requireMovable(to: region)
            guard key.stored.replicaRegions.contains(region) else {
                throw RPCError.validation("\(key.arn) has no replica in \(region.prefix(64)).")
            }
            guard !key.stored.hasPendingMaterial else {
                throw RPCError.invalidState(key.arn, "is rotating; wait until every Region has it")
            }
            return key
        }
    }

    private func finish(_ keyID: String) async throws {
        guard let key = administration.ring[keyID], let promotion = key.stored.promotion,
            key.isPrimary
        else { return }
        var request = KeysPromoteReplicaRequest()
        request.keyID = keyID
        request.primaryEpoch = UInt64(key.stored.primaryEpoch + 1)
        request.replicaRegions =
            (key.stored.replicaRegions.filter { $0 != promotion.region } + [configuration.region])
            .sorted()
        request.materialIds = key.stored.materials.map { Data($0.id) }
        request.rotation = KeysKeyRotation(key.stored.rotation)
        request.principalArn = promotion.principalARN
        request.roleArn = promotion.roleARN
        request.identityPoliciesAllow = promotion.identityPoliciesAllow
        let replicas = request.replicaRegions
        do {
            _ = try await KeysKeyTransferClient(sender.peers(promotion.region)).promoteReplica(
                request, options: CallOptions(timeout: KeySender.timeout))
        } catch let error as RPCError where Self.isRefusal(error) {
            try await settle(keyID, promotion) { $0.state = .enabled }
            throw error
        }
        try await settle(keyID, promotion) { stored in
            stored.state = .enabled
            stored.primaryRegion = promotion.region
            stored.primaryEpoch += 1
            stored.replicaRegions = replicas
        }
    }

    /// Whether the other Region has surely not become the primary.
    private static func isRefusal(_ error: RPCError) -> Bool {
        switch error.code {
        case .permissionDenied, .notFound, .failedPrecondition, .invalidArgument: true
        default: false
        }
    }

    private func settle(
        _ keyID: String, _ promotion: Promotion,
        _ change: @escaping @Sendable (inout StoredKey) -> Void
    ) async throws {
        try await administration.gate.run {
            guard let key = administration.ring[keyID], key.stored.promotion == promotion else {
                return
            }
            try administration.save(
                key.stored.with { stored in
                    change(&stored)
                    stored.promotion = nil
                })
        }
    }
}

extension KeyManagementHandler {
    func updatePrimaryRegion(
        _ request: KeysUpdatePrimaryRegionRequest, context: ServerContext
    ) async throws -> KeysUpdatePrimaryRegionResponse {
        try await mover.move(request, caller(context), context)
        return KeysUpdatePrimaryRegionResponse()
    }
}
