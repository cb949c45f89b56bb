import AccessPolicy
import Contracts
import Logging
import RPC
import ServiceKit

/// The sending side of ReplicateKey.
struct KeyReplicator: Sendable {
    typealias Peers = KeySender.Peers

    let administration: KeyAdministration
    let synchronizer: ReplicaSynchronizer
    let sender: KeySender

    private var configuration: KeyServiceConfiguration { administration.configuration }

    /// Makes a replica in another Region.
    ///
    /// The key stays usable all the while. When this fails on the way, repeating it is safe.
    func replicate(
        _ request: KeysReplicateKeyRequest, _ caller: Caller, _ context: ServerContext
    ) async throws -> KeysReplicateKeyResponse {
        let region = request.replicaRegion
        let (key, policy) = try await administration.perform(
            "ReplicateKey", context,
            request: [
                "keyId": request.keyID, "replicaRegion": region, "policy": request.policy,
                "description": request.description_p,
            ]
        ) {
            let (key, policy) = try check(request, caller)
            return .init(
                resource: key.arn,
                response: [
                    "replicaKeyArn": configuration.arn(keyID: key.stored.keyID, region: region)
                ]
            ) { (key, policy) }
        }
        do {
            let answer = try await sender.send(
                key, to: region, replicas: (key.stored.replicaRegions + [region]).sorted()
            ) {
                $0.policy = policy
                $0.description_p = request.description_p
                $0.bypassPolicyLockoutSafetyCheck = request.bypassPolicyLockoutSafetyCheck
                $0.tags = request.tags
                $0.name(caller, context, in: configuration.region)
            }
            try await join(region, key.stored.keyID)
            var response = KeysReplicateKeyResponse()
            response.replicaKeyMetadata = answer.keyMetadata
            response.replicaPolicy = answer.policy
            response.replicaTags = request.tags
            return response
        } catch {
            let failure = sender.explained(error, region, "ReplicateKey")
            if failure.reason == "AlreadyExistsException",
                failure.metadata["primary-region"] == configuration.region
            {
                // An earlier attempt went through, but its answer was lost.
                try await join(region, key.stored.keyID)
            }
            await administration.recordFailure("ReplicateKey", context, key.arn, failure)
            throw failure
        }
    }

    private func check(
        _ request: KeysReplicateKeyRequest, _ caller: Caller
    ) throws -> (ActiveKey, String) {
        let region = request.replicaRegion
        let key = try administration.ring.key(request.keyID, .exact, allowsAlias: false)
        return try administration.meter.metered("ReplicateKey", key, caller) {
            try administration.authorizer.authorize(
                caller, "kms:ReplicateKey", on: key, keys: ["kms:replicaregion": [region]])
            try authorizeCreation(request, caller, key)
            guard key.stored.isMultiRegion else {
                throw RPCError.unsupported("\(key.arn) is a key of a single Region.")
            }
            guard key.isPrimary else {
                throw RPCError.unsupported(
                    "\(key.arn) is a replica; ask for it in \(key.stored.primaryRegion).")
            }
            try key.requireEnabled()
            guard !region.isEmpty, region != configuration.region else {
                throw RPCError.validation("The replica's Region is to be another Region.")
            }
            let arn = configuration.arn(keyID: key.stored.keyID, region: region)
            guard !key.stored.replicaRegions.contains(region) else {
                throw RPCError.alreadyExists("\(arn) exists already.")
            }
            guard request.description_p.utf8.count <= KeyManagementHandler.descriptionByteCountMax
            else { throw RPCError.validation("The description is too long.") }
            _ = try KeyTags.checked(request.tags)
            let policy =
                key.stored.isServiceManaged
                ? ServiceKeyPolicy.document(account: configuration.accountID)
                : try administration.policy(
                    request.policy, for: arn, caller,
                    bypassesLockoutCheck: request.bypassPolicyLockoutSafetyCheck)
            return (key, policy)
        }
    }

    /// Making the replica is asked of the caller's identity policies as if it were asked there, before
    /// any material leaves this Region; the other Region then asks those that it knows.
    private func authorizeCreation(
        _ request: KeysReplicateKeyRequest, _ caller: Caller, _ key: ActiveKey
    ) throws {
        guard !caller.isService else { return }
        let region = request.replicaRegion
        let resource = configuration.arn(keyID: "*", region: region)
        let keys = key.conditionKeys.merging(["aws:requestedregion": [region]]) { $1 }
        for action in ["kms:CreateKey"] + (request.tags.isEmpty ? [] : ["kms:TagResource"]) {
            try administration.authorizer.authorizeIdentity(
                caller, PolicyAction(action), resource: resource, keys: keys)
        }
    }

    /// Enters a Region into the list of replicas, here and then in the other Regions.
    private func join(_ region: String, _ keyID: String) async throws {
        try await administration.gate.run {
            guard let key = administration.ring[keyID],
                !key.stored.replicaRegions.contains(region)
            else { return }
            try administration.save(
                key.stored.with { $0.replicaRegions = ($0.replicaRegions + [region]).sorted() })
        }
        synchronizer.markChanged(keyID)
        await synchronizer.synchronize()
    }
}

extension KeysImportReplicaRequest {
    /// Says who asks for the replica.
    fileprivate mutating func name(_ asking: Caller, _ context: ServerContext, in region: String) {
        if let text = context.delegatedPrincipalText(region: region) {
            guard let principal = try? DelegatedCallers.principal(text) else { return }
            caller = principal
        } else if case .operator(let name) = context.peer, !asking.isService {
            operatorName = name
        }
    }
}

extension KeyManagementHandler {
    func replicateKey(
        _ request: KeysReplicateKeyRequest, context: ServerContext
    ) async throws -> KeysReplicateKeyResponse {
        try await replicator.replicate(request, caller(context), context)
    }
}
