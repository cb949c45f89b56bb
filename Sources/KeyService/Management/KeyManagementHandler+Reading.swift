import AccessPolicy
import Contracts
import RPC

extension KeyManagementHandler {
    func describeKey(
        _ request: KeysDescribeKeyRequest, context: ServerContext
    ) async throws -> KeysDescribeKeyResponse {
        let caller = try caller(context)
        let key = try ring.key(request.keyID, .related)
        return try meter.metered("DescribeKey", key, caller) {
            try ring.requireGrants(request.grantTokens)
            try authorizer.authorize(
                caller, "kms:DescribeKey", on: key,
                keys: RequestFacts(alias: KeyReference.alias(in: request.keyID)).conditionKeys)
            var response = KeysDescribeKeyResponse()
            response.keyMetadata = key.metadata(configuration)
            return response
        }
    }

    func listKeys(
        _ request: KeysListKeysRequest, context: ServerContext
    ) async throws -> KeysListKeysResponse {
        try authorizeListing(caller(context), "kms:ListKeys")
        let keys = ring.keys.filter { request.includeServiceManaged || !$0.stored.isServiceManaged }
        let page = try Page(keys, size: request.pageSize, token: request.pageToken) {
            $0.stored.keyID
        }
        var response = KeysListKeysResponse()
        response.keys = page.items.map { $0.metadata(configuration) }
        response.nextPageToken = page.nextToken
        return response
    }

    func getUsage(
        _ request: KeysGetUsageRequest, context: ServerContext
    ) async throws -> KeysGetUsageResponse {
        try authorizeListing(caller(context), "kms:GetUsage")
        let keyID =
            try request.keyID.isEmpty ? "" : ring.key(request.keyID, .related).stored.keyID
        guard request.month.isEmpty || UsageMonth(request.month) != nil else {
            throw RPCError.validation("A month is written 2026-11.")
        }
        var response = KeysGetUsageResponse()
        response.usage = try meter.usage(
            keyID: keyID, month: request.month, region: configuration.region)
        return response
    }

    func checkKeyAccess(
        _ request: KeysCheckKeyAccessRequest, context: ServerContext
    ) async throws -> KeysCheckKeyAccessResponse {
        let caller = try caller(context)
        guard caller.isService else {
            throw RPCError.accessDenied(
                caller.name, "kms:CheckKeyAccess", request.keyID, why: "only coordinators may ask")
        }
        guard request.principals.count <= 20, request.actions.count <= 50 else {
            throw RPCError.validation("A check has at most 20 principals and 50 actions.")
        }
        let encryptionContext = try EncryptionContext(request.encryptionContext)
        var response = KeysCheckKeyAccessResponse()
        let key: ActiveKey
        do {
            key = try ring.key(request.keyID, .related)
        } catch let error as RPCError where error.code == .notFound {
            return response
        }
        response.keyMetadata = key.metadata(configuration)
        for principal in request.principals {
            let checked = administration.callers.caller(servicePrincipal: principal)
            for name in request.actions {
                // DescribeKey cannot carry an encryption context.
                let isAboutKey = name.lowercased() == "kms:describekey"
                let decision = authorizer.decide(
                    checked, PolicyAction(name), on: key,
                    keys: isAboutKey ? [:] : encryptionContext.conditionKeys)
                guard !decision.isAllowed else { continue }
                var denial = KeysCheckKeyAccessResponse.Denial()
                denial.principal = principal
                denial.action = name
                denial.explanation = decision.explanation
                response.denials.append(denial)
            }
        }
        return response
    }

    /// Lists are not about one key: identity policies decide, and the system's services may look.
    func authorizeListing(_ caller: Caller, _ action: PolicyAction) throws {
        guard !caller.isService else { return }
        try authorizer.authorizeIdentity(
            caller, action, resource: configuration.arn(keyID: "*", region: configuration.region))
    }
}
