import AccessPolicy
import Contracts
import Cryptography
import RPC
import ServiceKit

extension KeyManagementHandler {
    static let grantsPerKeyMax = 1000

    func createGrant(
        _ request: KeysCreateGrantRequest, context: ServerContext
    ) async throws -> KeysCreateGrantResponse {
        let caller = try caller(context)
        let grant = try await administration.perform(
            "CreateGrant", context,
            request: [
                "keyId": request.keyID, "granteePrincipal": request.granteePrincipal,
                "retiringPrincipal": request.retiringPrincipal,
                "operations": request.operations.joined(separator: ","), "name": request.name,
            ]
        ) {
            let key = try ring.key(request.keyID, .exact, allowsAlias: false)
            let grant = try meter.metered("CreateGrant", key, caller) {
                try ring.requireGrants(request.grantTokens)
                try authorizeGrant(request, caller, key)
                try key.requireCustomerManaged("CreateGrant")
                try key.requireUsable()
                let grant = try newGrant(request, key)
                if request.dryRun { throw RPCError.dryRun }
                return grant
            }
            return .init(resource: key.arn, response: ["grantId": grant.id]) {
                guard !key.stored.grants.contains(grant) else { return grant }
                try administration.store.insertGrant(grant, keyID: key.stored.keyID)
                try administration.replace(key.stored.with { $0.grants.append(grant) })
                return grant
            }
        }
        var response = KeysCreateGrantResponse()
        response.grantID = grant.id
        response.grantToken = GrantToken.token(of: grant.id)
        return response
    }

    func listGrants(
        _ request: KeysListGrantsRequest, context: ServerContext
    ) async throws -> KeysListGrantsResponse {
        try read("ListGrants", request.keyID, context) { key in
            let grants = key.stored.grants.filter { grant in
                (request.grantID.isEmpty || grant.id == request.grantID)
                    && (request.granteePrincipal.isEmpty
                        || grant.granteePrincipal == request.granteePrincipal)
            }.map { entry($0, of: key) }
            return try Self.page(grants, request.pageSize, request.pageToken)
        }
    }

    func listRetirableGrants(
        _ request: KeysListRetirableGrantsRequest, context: ServerContext
    ) async throws -> KeysListGrantsResponse {
        let caller = try caller(context)
        // Whoever may list all grants may also ask for others.
        if !caller.grantNames.contains(request.retiringPrincipal) {
            try authorizeListing(caller, "kms:ListRetirableGrants")
        }
        let grants = ring.keys.flatMap { key in
            key.stored.grants.filter { $0.retiringPrincipal == request.retiringPrincipal }
                .map { entry($0, of: key) }
        }
        return try Self.page(grants, request.pageSize, request.pageToken)
    }

    private static func page(
        _ grants: [KeysListGrantsResponse.Grant], _ size: UInt32, _ token: String
    ) throws -> KeysListGrantsResponse {
        let page = try Page(grants, size: size, token: token) { $0.grantID }
        var response = KeysListGrantsResponse()
        response.grants = page.items
        response.nextPageToken = page.nextToken
        return response
    }

    func retireGrant(
        _ request: KeysRetireGrantRequest, context: ServerContext
    ) async throws -> KeysRetireGrantResponse {
        let caller = try caller(context)
        try await remove("RetireGrant", context, request: ["keyId": request.keyID]) {
            let (key, grant) = try named(request)
            try meter.metered("RetireGrant", key, caller) {
                let names = caller.grantNames
                let isGrantee =
                    names.contains(grant.granteePrincipal)
                    && grant.operations.contains("RetireGrant")
                if !isGrantee, !names.contains(grant.retiringPrincipal) {
                    try authorizer.authorize(caller, "kms:RetireGrant", on: key)
                }
                if request.dryRun { throw RPCError.dryRun }
            }
            return (key, grant)
        }
        return KeysRetireGrantResponse()
    }

    func revokeGrant(
        _ request: KeysRevokeGrantRequest, context: ServerContext
    ) async throws -> KeysRevokeGrantResponse {
        let caller = try caller(context)
        try await remove(
            "RevokeGrant", context,
            request: ["keyId": request.keyID, "grantId": request.grantID]
        ) {
            let key = try ring.key(request.keyID, .exact, allowsAlias: false)
            return try meter.metered("RevokeGrant", key, caller) {
                try authorizer.authorize(caller, "kms:RevokeGrant", on: key)
                let grant = try Self.grant(request.grantID, of: key)
                if request.dryRun { throw RPCError.dryRun }
                return (key, grant)
            }
        }
        return KeysRevokeGrantResponse()
    }

    private func remove(
        _ operation: String, _ context: ServerContext, request: [String: any Sendable],
        find: @escaping @Sendable () throws -> (ActiveKey, KeyGrant)
    ) async throws {
        try await administration.perform(operation, context, request: request) {
            let (key, grant) = try find()
            return .init(resource: key.arn, response: ["grantId": grant.id]) {
                try administration.store.deleteGrant(grant.id)
                try administration.replace(
                    key.stored.with { stored in stored.grants.removeAll { $0.id == grant.id } })
            }
        }
    }

    /// By policy, or by a grant for CreateGrant, which lets its holder pass on no more than it has
    /// and under no weaker constraints.
    private func authorizeGrant(
        _ request: KeysCreateGrantRequest, _ caller: Caller, _ key: ActiveKey
    ) throws {
        let keys = Self.conditionKeys(request)
        let decision = authorizer.decide(caller, "kms:CreateGrant", on: key, keys: keys)
        if decision.isAllowed { return }
        if case .implicitDeny = decision {
            let names = caller.grantNames
            let operations = Set(request.operations)
            let isCovered = key.stored.grants.contains { grant in
                grant.operations.contains("CreateGrant") && names.contains(grant.granteePrincipal)
                    && operations.isSubset(of: grant.operations)
                    && grant.covers(
                        subset: request.constraints.encryptionContextSubset,
                        equals: request.constraints.encryptionContextEquals)
            }
            if isCovered { return }
        }
        throw RPCError.accessDenied(
            caller.name, "kms:CreateGrant", key.arn, why: decision.explanation)
    }

    private func newGrant(_ request: KeysCreateGrantRequest, _ key: ActiveKey) throws -> KeyGrant {
        let operations = Set(request.operations)
        guard !operations.isEmpty, operations.isSubset(of: KeyGrant.allOperations) else {
            throw RPCError.validation(
                "A grant is for at least one of \(KeyGrant.allOperations.sorted()).")
        }
        try Self.checkPrincipal(request.granteePrincipal)
        if !request.retiringPrincipal.isEmpty { try Self.checkPrincipal(request.retiringPrincipal) }
        guard request.name.utf8.count <= 256 else {
            throw RPCError.validation("The name of a grant has at most 256 characters.")
        }
        let subset = try EncryptionContext(request.constraints.encryptionContextSubset).pairs
        let equals = try EncryptionContext(request.constraints.encryptionContextEquals).pairs
        let isSymmetric = key.stored.spec == .symmetricDefault
        guard subset.isEmpty && equals.isEmpty || isSymmetric else {
            throw RPCError.validation("Only symmetric keys have an encryption context.")
        }
        func made(_ id: String, _ time: Int64) -> KeyGrant {
            KeyGrant(
                id: id, name: request.name, createdAtMicroseconds: time,
                granteePrincipal: request.granteePrincipal,
                retiringPrincipal: request.retiringPrincipal, operations: operations.sorted(),
                contextSubset: subset, contextEquals: equals)
        }
        // A repeated request under a name finds what the first one made.
        if !request.name.isEmpty,
            let same = key.stored.grants.first(where: {
                $0 == made($0.id, $0.createdAtMicroseconds)
            })
        {
            return same
        }
        guard key.stored.grants.count < Self.grantsPerKeyMax else {
            throw RPCError.limitExceeded("A key has at most \(Self.grantsPerKeyMax) grants.")
        }
        do {
            return made(try Random.bytes(32).hexadecimal, administration.now())
        } catch {
            throw RPCError.keysInternal(error)
        }
    }

    /// The grant that a token, or a key and an ID name.
    private func named(_ request: KeysRetireGrantRequest) throws -> (ActiveKey, KeyGrant) {
        if request.grantToken.isEmpty {
            let key = try ring.key(request.keyID, .exact, allowsAlias: false)
            return (key, try Self.grant(request.grantID, of: key))
        }
        guard let id = GrantToken.grantID(request.grantToken),
            let key = ring.keyID(ofGrant: id).flatMap({ ring[$0] }),
            let grant = key.stored.grants.first(where: { $0.id == id })
        else { throw GrantToken.invalid }
        return (key, grant)
    }

    private static func grant(_ id: String, of key: ActiveKey) throws -> KeyGrant {
        guard let grant = key.stored.grants.first(where: { $0.id == id }) else {
            let isID = id.utf8.count == 64 && id.allSatisfy(\.isHexDigit)
            throw RPCError(
                isID ? .notFound : .invalidArgument,
                reason: isID ? "NotFoundException" : "InvalidGrantIdException",
                message: "\(key.arn) has no such grant.")
        }
        return grant
    }

    private static func checkPrincipal(_ name: String) throws {
        let isARN = name.hasPrefix("arn:aws:iam::") || name.hasPrefix("arn:aws:sts::")
        let isService = name.hasSuffix(".amazonaws.com") && !name.contains("/")
        guard isARN || isService, name.utf8.count <= 256 else {
            throw RPCError(
                .invalidArgument, reason: "InvalidArnException",
                message: "A grant is for the ARN of a user, role, session or account, "
                    + "or for a service.")
        }
    }

    private static func conditionKeys(_ request: KeysCreateGrantRequest) -> PolicyContext.Layer {
        var keys: PolicyContext.Layer = [
            "kms:granteeprincipal": [request.granteePrincipal],
            "kms:grantoperations": request.operations, "kms:grantisforawsresource": ["false"],
        ]
        if !request.retiringPrincipal.isEmpty {
            keys["kms:retiringprincipal"] = [request.retiringPrincipal]
        }
        let constraints = request.constraints
        var context = constraints.encryptionContextEquals
        if !context.isEmpty {
            keys["kms:grantconstrainttype"] = ["EncryptionContextEquals"]
        } else if !constraints.encryptionContextSubset.isEmpty {
            context = constraints.encryptionContextSubset
            keys["kms:grantconstrainttype"] = ["EncryptionContextSubset"]
        }
        // What is too long is refused when the grant is made.
        let pairs = (try? EncryptionContext(context))?.conditionKeys ?? [:]
        return keys.merging(pairs) { own, _ in own }
    }

    private func entry(_ grant: KeyGrant, of key: ActiveKey) -> KeysListGrantsResponse.Grant {
        var entry = KeysListGrantsResponse.Grant()
        entry.keyID = key.arn
        entry.grantID = grant.id
        entry.name = grant.name
        entry.createdAtUs = grant.createdAtMicroseconds
        entry.granteePrincipal = grant.granteePrincipal
        entry.retiringPrincipal = grant.retiringPrincipal
        entry.issuingAccount = "arn:aws:iam::\(configuration.accountID):root"
        entry.operations = grant.operations
        if grant.isConstrained {
            entry.constraints.encryptionContextSubset = grant.contextSubset
            entry.constraints.encryptionContextEquals = grant.contextEquals
        }
        return entry
    }
}
