import AccessPolicy
import Contracts
import RPC

extension KeyManagementHandler {
    func enableKey(
        _ request: KeysEnableKeyRequest, context: ServerContext
    ) async throws -> KeysEnableKeyResponse {
        _ = try await change("EnableKey", request.keyID, context) { key in
            try key.requireSwitchable()
            return key.stored.with { $0.state = .enabled }
        }
        return KeysEnableKeyResponse()
    }

    func disableKey(
        _ request: KeysDisableKeyRequest, context: ServerContext
    ) async throws -> KeysDisableKeyResponse {
        _ = try await change("DisableKey", request.keyID, context) { key in
            try key.requireCustomerManaged("DisableKey")
            try key.requireSwitchable()
            return key.stored.with { $0.state = .disabled }
        }
        return KeysDisableKeyResponse()
    }

    func scheduleKeyDeletion(
        _ request: KeysScheduleKeyDeletionRequest, context: ServerContext
    ) async throws -> KeysScheduleKeyDeletionResponse {
        let days = request.pendingWindowDays == 0 ? 30 : Int(request.pendingWindowDays)
        let key = try await change(
            "ScheduleKeyDeletion", request.keyID, context,
            request: ["pendingWindowInDays": days],
            keys: ["kms:schedulekeydeletionpendingwindowindays": [String(days)]]
        ) { key in
            guard (7...30).contains(days) else {
                throw RPCError.validation("The waiting period is 7 to 30 days.")
            }
            try key.requireCustomerManaged("ScheduleKeyDeletion")
            try key.requireDeletable()
            return key.stored.with {
                $0.pendingWindowDays = days
                if key.isPrimary, !key.stored.replicaRegions.isEmpty {
                    $0.state = .pendingReplicaDeletion
                } else {
                    $0.state = .pendingDeletion
                    $0.deletionAtMicroseconds = administration.now() + Self.microseconds(days)
                }
            }
        }
        var response = KeysScheduleKeyDeletionResponse()
        response.keyMetadata = key.metadata(configuration)
        return response
    }

    func cancelKeyDeletion(
        _ request: KeysCancelKeyDeletionRequest, context: ServerContext
    ) async throws -> KeysCancelKeyDeletionResponse {
        let key = try await change("CancelKeyDeletion", request.keyID, context) { key in
            try key.requirePendingDeletion()
            return key.stored.with {
                // Without its imported material it could not be enabled anyway.
                $0.state = $0.isImported && !$0.hasMaterial ? .pendingImport : .disabled
                $0.deletionAtMicroseconds = 0
                $0.pendingWindowDays = 0
            }
        }
        var response = KeysCancelKeyDeletionResponse()
        response.keyMetadata = key.metadata(configuration)
        return response
    }

    func getKeyPolicy(
        _ request: KeysGetKeyPolicyRequest, context: ServerContext
    ) async throws -> KeysGetKeyPolicyResponse {
        let caller = try caller(context)
        let key = try ring.key(request.keyID, .exact, allowsAlias: false)
        return try meter.metered("GetKeyPolicy", key, caller) {
            try authorizer.authorize(caller, "kms:GetKeyPolicy", on: key)
            var response = KeysGetKeyPolicyResponse()
            response.policy = key.stored.policy
            return response
        }
    }

    func putKeyPolicy(
        _ request: KeysPutKeyPolicyRequest, context: ServerContext
    ) async throws -> KeysPutKeyPolicyResponse {
        let caller = try caller(context)
        let bypass = request.bypassPolicyLockoutSafetyCheck
        _ = try await change(
            "PutKeyPolicy", request.keyID, context,
            request: [
                "policyName": "default", "policy": request.policy,
                "bypassPolicyLockoutSafetyCheck": bypass,
            ], keys: ["kms:bypasspolicylockoutsafetycheck": [String(bypass)]]
        ) { key in
            try key.requireCustomerManaged("PutKeyPolicy")
            guard !request.policy.isEmpty else {
                throw RPCError.malformedPolicy("The policy is empty.")
            }
            let policy = try administration.policy(
                request.policy, for: key.arn, caller, bypassesLockoutCheck: bypass)
            return key.stored.with { $0.policy = policy }
        }
        return KeysPutKeyPolicyResponse()
    }

    static func microseconds(_ days: Int) -> Int64 { Int64(days) * 86_400_000_000 }

    /// A change of one key: authorised, recorded, saved.
    func change(
        _ operation: String, _ keyID: String, _ context: ServerContext,
        request: [String: any Sendable] = [:], keys: PolicyContext.Layer = [:],
        _ change: @escaping @Sendable (ActiveKey) throws -> StoredKey
    ) async throws -> ActiveKey {
        let caller = try caller(context)
        var parameters = request
        parameters["keyId"] = keyID
        return try await administration.perform(operation, context, request: parameters) {
            let key = try ring.key(keyID, .exact, allowsAlias: false)
            let changed = try meter.metered(operation, key, caller) {
                try authorizer.authorize(
                    caller, PolicyAction("kms:\(operation)"), on: key, keys: keys)
                return try change(key)
            }
            return .init(resource: key.arn, response: ["keyId": key.arn]) {
                let saved = try administration.save(changed)
                if saved.isPrimary, !changed.replicaRegions.isEmpty {
                    replicator.synchronizer.markChanged(changed.keyID)
                }
                return saved
            }
        }
    }
}

extension StoredKey {
    /// A copy with some properties changed.
    func with(_ change: (inout StoredKey) throws -> Void) rethrows -> StoredKey {
        var copy = self
        try change(&copy)
        return copy
    }
}
