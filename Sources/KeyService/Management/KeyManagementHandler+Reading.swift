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
            try authorizer.authorize(caller, "kms:DescribeKey", on: key)
            var response = KeysDescribeKeyResponse()
            response.keyMetadata = key.metadata(configuration)
            return response
        }
    }

    func listKeys(
        _ request: KeysListKeysRequest, context: ServerContext
    ) async throws -> KeysListKeysResponse {
        try authorizeListing(caller(context), "kms:ListKeys")
        guard request.pageSize <= 1000 else {
            throw RPCError.validation("A page has 1 to 1000 keys.")
        }
        let pageSize = request.pageSize == 0 ? 100 : Int(request.pageSize)
        let after = try PageToken.position(request.pageToken)
        let rest = ring.keys.filter { key in
            (request.includeServiceManaged || !key.stored.isServiceManaged)
                && key.stored.keyID > after
        }
        let page = rest.prefix(pageSize)
        var response = KeysListKeysResponse()
        response.keys = page.map { $0.metadata(configuration) }
        if rest.count > page.count, let last = page.last {
            response.nextPageToken = PageToken.token(last.stored.keyID)
        }
        return response
    }

    func getUsage(
        _ request: KeysGetUsageRequest, context: ServerContext
    ) async throws -> KeysGetUsageResponse {
        try authorizeListing(caller(context), "kms:GetUsage")
        let keyID =
            try request.keyID.isEmpty ? "" : ring.key(request.keyID, .related).stored.keyID
        var response = KeysGetUsageResponse()
        response.usage = try meter.usage(keyID: keyID, region: configuration.region)
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

/// Where a list goes on. Opaque to callers.
enum PageToken {
    private static let prefix = "k1:"

    static func token(_ position: String) -> String { prefix + position }

    /// - Throws: InvalidMarkerException for anything this service did not give.
    static func position(_ token: String) throws -> String {
        if token.isEmpty { return "" }
        guard token.hasPrefix(prefix), token.utf8.count <= 1024 else {
            throw RPCError(
                .invalidArgument, reason: "InvalidMarkerException",
                message: "The page token is not one of this service.")
        }
        return String(token.dropFirst(prefix.count))
    }
}
