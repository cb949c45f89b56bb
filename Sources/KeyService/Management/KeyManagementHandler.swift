import AccessPolicy
import Contracts
import RPC

/// The KeyManagement service; each group of methods is in a file of its own.
struct KeyManagementHandler: KeysKeyManagementHandler {
    static let keyCountMax = 10_000
    static let aliasesPerKeyMax = 50
    static let descriptionByteCountMax = 8192

    let administration: KeyAdministration
    let replicator: KeyReplicator
    let mover: PrimaryMover

    var configuration: KeyServiceConfiguration { administration.configuration }
    var ring: KeyRing { administration.ring }
    var authorizer: KeyAuthorizer { administration.authorizer }
    var meter: UsageMeter { administration.meter }

    func caller(_ context: ServerContext) throws -> Caller {
        try administration.callers.caller(context)
    }
}

extension KeyManagementHandler {
    func createKey(
        _ request: KeysCreateKeyRequest, context: ServerContext
    ) async throws -> KeysCreateKeyResponse {
        let caller = try caller(context)
        try requireCoordinator(request, context)
        let key = try await administration.perform(
            "CreateKey", context,
            request: [
                "keySpec": request.spec.kmsName, "keyUsage": request.usage.kmsName,
                "multiRegion": request.multiRegion, "description": request.description_p,
                "policy": request.policy,
                "origin": (request.origin == .unspecified ? .awsKms : request.origin).kmsName,
            ]
        ) {
            let stored = try newKey(request, caller)
            return .init(
                resource: configuration.arn(keyID: stored.keyID, region: configuration.region),
                response: ["keyId": stored.keyID]
            ) {
                try administration.insert(stored)
            }
        }
        meter.count(
            "CreateKey", keyID: key.stored.keyID, principal: caller.name, isRefused: false)
        var response = KeysCreateKeyResponse()
        response.keyMetadata = key.metadata(configuration)
        return response
    }

    private func newKey(_ request: KeysCreateKeyRequest, _ caller: Caller) throws -> StoredKey {
        try authorizeCreation(request, caller)
        try Self.check(request.spec, request.usage)
        guard request.description_p.utf8.count <= Self.descriptionByteCountMax else {
            throw RPCError.validation(
                "A description has at most \(Self.descriptionByteCountMax) bytes.")
        }
        guard ring.keyCount < Self.keyCountMax else {
            throw RPCError.limitExceeded("This Region has \(Self.keyCountMax) keys already.")
        }
        do {
            let keyID = try KeyID.random(isMultiRegion: request.multiRegion)
            let arn = configuration.arn(keyID: keyID, region: configuration.region)
            let policy =
                request.serviceManaged
                ? ServiceKeyPolicy.document(account: configuration.accountID)
                : try administration.policy(
                    request.policy, for: arn, caller,
                    bypassesLockoutCheck: request.bypassPolicyLockoutSafetyCheck)
            let isImported = request.origin == .external
            let materials =
                try isImported
                ? []
                : [
                    KeyMaterial.stored(
                        KeyMaterial.generate(request.spec), keyID: keyID,
                        rootKey: administration.rootKey)
                ]
            return StoredKey(
                keyID: keyID, createdAtMicroseconds: administration.now(), spec: request.spec,
                usage: request.usage, isMultiRegion: request.multiRegion,
                isServiceManaged: request.serviceManaged,
                primaryRegion: request.multiRegion ? configuration.region : "",
                replicaRegions: [], description: request.description_p,
                state: isImported ? .pendingImport : .enabled, deletionAtMicroseconds: 0,
                pendingWindowDays: 0, policy: policy,
                materials: materials, tags: try KeyTags.checked(request.tags),
                origin: isImported ? .external : .awsKms)
        } catch {
            throw error as? RPCError ?? .keysInternal(error)
        }
    }

    private func authorizeCreation(_ request: KeysCreateKeyRequest, _ caller: Caller) throws {
        let resource = configuration.arn(keyID: "*", region: configuration.region)
        guard request.serviceManaged else {
            let keys = Self.conditionKeys(request)
            try authorizer.authorizeIdentity(
                caller, "kms:CreateKey", resource: resource, keys: keys)
            if !request.tags.isEmpty {
                try authorizer.authorizeIdentity(
                    caller, "kms:TagResource", resource: resource, keys: keys)
            }
            return
        }
        guard caller.isService, request.policy.isEmpty else {
            throw RPCError.accessDenied(
                caller.name, "kms:CreateKey", resource,
                why: "only the system itself makes service-managed keys, with their fixed policy")
        }
    }

    private func requireCoordinator(
        _ request: KeysCreateKeyRequest, _ context: ServerContext
    ) throws {
        guard request.serviceManaged,
            context.peer != .service(name: "coordinator", region: configuration.region)
        else { return }
        throw RPCError.accessDenied(
            "\(context.peer)", "kms:CreateKey",
            configuration.arn(keyID: "*", region: configuration.region),
            why: "only the coordinator makes service-managed keys")
    }

    private static func conditionKeys(_ request: KeysCreateKeyRequest) -> PolicyContext.Layer {
        var keys: PolicyContext.Layer = [
            "kms:keyspec": [request.spec.kmsName], "kms:keyusage": [request.usage.kmsName],
            "kms:multiregion": [String(request.multiRegion)],
            "kms:bypasspolicylockoutsafetycheck": [
                String(request.bypassPolicyLockoutSafetyCheck)
            ],
        ]
        if !request.tags.isEmpty { keys["aws:tagkeys"] = request.tags.map(\.key) }
        for tag in request.tags { keys["aws:requesttag/\(tag.key.lowercased())"] = [tag.value] }
        return keys
    }

    private static func check(_ spec: KeysKeySpec, _ usage: KeysKeyUsage) throws {
        guard spec.allows(usage) else {
            throw RPCError.validation("A \(spec.kmsName) key is not for \(usage.kmsName).")
        }
    }
}

extension KeysCreateKeyRequest {
    /// With the default filled in.
    var spec: KeysKeySpec { keySpec == .unspecified ? .symmetricDefault : keySpec }
    /// With the default filled in.
    var usage: KeysKeyUsage { keyUsage == .unspecified ? .encryptDecrypt : keyUsage }
}
