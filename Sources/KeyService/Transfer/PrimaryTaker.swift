import AccessPolicy
import Contracts
import RPC

/// Makes a replica the primary key because the primary key's Region cannot be reached.
///
/// The epoch of the key goes up with it; the former primary follows when it hears of that. What it had
/// not shared is given up: material that was pending there has sealed nothing, since new material is
/// used only where every Region has it.
extension KeyManagementHandler {
    func assumePrimary(
        _ request: KeysAssumePrimaryRequest, context: ServerContext
    ) async throws -> KeysAssumePrimaryResponse {
        let caller = try caller(context)
        var response = KeysAssumePrimaryResponse()
        if let key = ring[request.keyID], key.isPrimary {
            response.keyMetadata = key.metadata(configuration)
            return response
        }
        let key = try await administration.perform(
            "UpdatePrimaryRegion", context,
            request: [
                "keyId": request.keyID, "primaryRegion": configuration.region, "forced": true,
            ]
        ) {
            let key = try ring.key(request.keyID, .exact, allowsAlias: false)
            guard key.stored.isMultiRegion else {
                throw RPCError.unsupported("\(key.arn) is not a multi-Region key.")
            }
            try key.requireNotPendingDeletion()
            try authorizer.authorizeMove(caller, of: key, to: configuration.region)
            let region = configuration.region
            let changed = key.stored.with { stored in
                stored.replicaRegions =
                    Set(stored.replicaRegions + [stored.primaryRegion])
                    .subtracting([region]).sorted()
                stored.primaryRegion = region
                stored.primaryEpoch += 1
            }
            return .init(resource: key.arn) { try administration.save(changed) }
        }
        mover.synchronizer.markChanged(key.stored.keyID)
        response.keyMetadata = key.metadata(configuration)
        return response
    }
}

extension KeyAuthorizer {
    /// Moving the role of the primary gives no use of the key. A person needs kms:UpdatePrimaryRegion;
    /// for the system, which follows the promotion of a Region by an administrator, it is enough that
    /// the key's policy does not deny it.
    func authorizeMove(_ caller: Caller, of key: ActiveKey, to region: String) throws {
        let keys = ["kms:primaryregion": [region]]
        guard caller.isService else {
            return try authorize(caller, "kms:UpdatePrimaryRegion", on: key, keys: keys)
        }
        let decision = decide(caller, "kms:UpdatePrimaryRegion", on: key, keys: keys)
        if case .explicitDeny = decision {
            throw RPCError.accessDenied(
                caller.name, "kms:UpdatePrimaryRegion", key.arn, why: decision.explanation)
        }
    }
}

extension StoredKey {
    /// What a former primary gives up when it follows another.
    mutating func stepDown() {
        promotion = nil
        if state == .updating { state = .enabled }
        if state == .pendingReplicaDeletion { state = .disabled }
        materials.removeAll(where: \.isPending)
    }
}
