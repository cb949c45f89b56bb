import AccessPolicy
import Contracts
import RPC

extension KeyManagementHandler {
    func createAlias(
        _ request: KeysCreateAliasRequest, context: ServerContext
    ) async throws -> KeysCreateAliasResponse {
        let caller = try caller(context)
        let name = request.aliasName
        return try await administration.perform(
            "CreateAlias", context,
            request: ["aliasName": name, "targetKeyId": request.targetKeyID]
        ) {
            try Self.checkAlias(name)
            let key = try ring.key(request.targetKeyID, .exact, allowsAlias: false)
            try meter.metered("CreateAlias", key, caller) {
                try authorizer.authorize(caller, "kms:CreateAlias", on: key)
                try authorizer.authorizeIdentity(
                    caller, "kms:CreateAlias", resource: aliasARN(name))
                try key.requireNotPendingDeletion()
                guard ring.key(alias: name) == nil else {
                    throw RPCError.alreadyExists("There is an alias \(name) already.")
                }
                let count = ring.aliases.count { $0.alias.keyID == key.stored.keyID }
                guard count < Self.aliasesPerKeyMax else {
                    throw RPCError.limitExceeded(
                        "A key has at most \(Self.aliasesPerKeyMax) aliases.")
                }
            }
            return .init(resource: key.arn) {
                try administration.putAlias(
                    name,
                    KeyAlias(
                        keyID: key.stored.keyID, createdAtMicroseconds: administration.now()))
                return KeysCreateAliasResponse()
            }
        }
    }

    func deleteAlias(
        _ request: KeysDeleteAliasRequest, context: ServerContext
    ) async throws -> KeysDeleteAliasResponse {
        let caller = try caller(context)
        let name = request.aliasName
        return try await administration.perform(
            "DeleteAlias", context, request: ["aliasName": name]
        ) {
            guard let key = ring.key(alias: name) else { throw RPCError.aliasNotFound(name) }
            try meter.metered("DeleteAlias", key, caller) {
                try authorizer.authorize(caller, "kms:DeleteAlias", on: key)
                try authorizer.authorizeIdentity(
                    caller, "kms:DeleteAlias", resource: aliasARN(name))
            }
            return .init(resource: key.arn) {
                try administration.removeAlias(name)
                return KeysDeleteAliasResponse()
            }
        }
    }

    func updateAlias(
        _ request: KeysUpdateAliasRequest, context: ServerContext
    ) async throws -> KeysUpdateAliasResponse {
        let caller = try caller(context)
        let name = request.aliasName
        return try await administration.perform(
            "UpdateAlias", context,
            request: ["aliasName": name, "targetKeyId": request.targetKeyID]
        ) {
            try Self.checkAlias(name)
            guard let old = ring.key(alias: name), var alias = ring.alias(name) else {
                throw RPCError.aliasNotFound(name)
            }
            alias.updatedAtMicroseconds = administration.now()
            let key = try ring.key(request.targetKeyID, .exact, allowsAlias: false)
            try meter.metered("UpdateAlias", key, caller) {
                try authorizer.authorize(caller, "kms:UpdateAlias", on: old)
                try authorizer.authorize(caller, "kms:UpdateAlias", on: key)
                try authorizer.authorizeIdentity(
                    caller, "kms:UpdateAlias", resource: aliasARN(name))
                try key.requireNotPendingDeletion()
                guard key.stored.spec == old.stored.spec, key.stored.usage == old.stored.usage
                else {
                    throw RPCError.validation("Both keys are to have the same spec and usage.")
                }
            }
            alias.keyID = key.stored.keyID
            return .init(resource: key.arn) { [alias] in
                try administration.putAlias(name, alias)
                return KeysUpdateAliasResponse()
            }
        }
    }

    func listAliases(
        _ request: KeysListAliasesRequest, context: ServerContext
    ) async throws -> KeysListAliasesResponse {
        try authorizeListing(caller(context), "kms:ListAliases")
        let keyID =
            try request.keyID.isEmpty
            ? nil : ring.key(request.keyID, .exact, allowsAlias: false).stored.keyID
        let aliases = ring.aliases.filter { keyID == nil || $0.alias.keyID == keyID }
        let page = try Page(aliases, size: request.pageSize, token: request.pageToken) { $0.name }
        var response = KeysListAliasesResponse()
        response.aliases = page.items.map { name, alias in
            var entry = KeysListAliasesResponse.Alias()
            entry.aliasName = name
            entry.aliasArn = aliasARN(name)
            entry.targetKeyID = alias.keyID
            entry.createdAtUs = alias.createdAtMicroseconds
            entry.updatedAtUs = alias.updatedAtMicroseconds
            return entry
        }
        response.nextPageToken = page.nextToken
        return response
    }

    private func aliasARN(_ name: String) -> String {
        "arn:aws:kms:\(configuration.region):\(configuration.accountID):\(name)"
    }

    private static func checkAlias(_ name: String) throws {
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"), UInt8(ascii: "/"),
                UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard allowed, (7...256).contains(name.utf8.count), name.hasPrefix("alias/"),
            !name.hasPrefix("alias/aws/"), !name.hasPrefix("alias/portolan/")
        else {
            throw RPCError(
                .invalidArgument, reason: "InvalidAliasNameException",
                message: "An alias is alias/<name> of at most 256 letters, digits and :/_-, "
                    + "and neither alias/aws/ nor alias/portolan/.")
        }
    }
}
