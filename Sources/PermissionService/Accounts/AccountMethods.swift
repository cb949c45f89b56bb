import Contracts
import RPC
import ReplicatedState

extension PermissionHandler {
    func putAccount(
        _ request: PermissionPutAccountRequest, context: ServerContext
    ) async throws -> PermissionPutAccountResponse {
        let account = request.account
        let parameters: [String: any Sendable] = [
            "accountId": account.accountID, "name": account.name,
        ]
        return try await audit.run("PutAccount", context, request: parameters) { actor in
            try Self.validate(account)
            let event = audit.event("PutAccount", actor, request: parameters)
            let written = try await permissions.submit(until: context.deadline) { state in
                var record = PermissionAccountRecord()
                record.account = account
                if let old = state.accounts[account.accountID] {
                    record.account.keepLaterFields(of: old)
                } else {
                    try PermissionLimits.check(
                        state.accounts.count, PermissionLimits.accounts, "accounts")
                }
                let key = RecordKey.account(account.accountID)
                return DomainWrite(
                    (),
                    changes: [.put(key, version: state.nextVersion(key), try record.recordBytes())],
                    events: [event])
            }
            var response = PermissionPutAccountResponse()
            response.position = written.position
            return response
        }
    }

    private static func validate(_ account: PermissionAccount) throws {
        guard account.accountID.wholeMatch(of: /[0-9]{12}/) != nil else {
            throw RPCError.invalid("ACCOUNT_ID_INVALID", "account_id needs 12 digits.")
        }
        guard (1...128).contains(account.name.count) else {
            throw RPCError.invalid("ACCOUNT_NAME_INVALID", "name needs 1 to 128 characters.")
        }
        guard account.email.count <= 254 else {
            throw RPCError.invalid("EMAIL_INVALID", "email may have at most 254 characters.")
        }
    }

    func listAccounts(
        _ request: PermissionListAccountsRequest, context: ServerContext
    ) async throws -> PermissionListAccountsResponse {
        let limit = try Paging.limit(request.pageSize)
        let after = try Paging.key(request.pageToken)
        return try await read(request.hasAtLeast ? request.atLeast : nil, context) { state in
            let page = state.accounts.page(after: after, limit: limit)
            var response = PermissionListAccountsResponse()
            response.accounts = page.rows.map(\.value)
            if !page.isLast, let last = page.rows.last {
                response.nextPageToken = Paging.token(last.key)
            }
            return response
        }
    }

    func deleteAccount(
        _ request: PermissionDeleteAccountRequest, context: ServerContext
    ) async throws -> PermissionDeleteAccountResponse {
        let id = request.accountID
        let parameters: [String: any Sendable] = ["accountId": id]
        return try await audit.run("DeleteAccount", context, request: parameters) { actor in
            let event = audit.event("DeleteAccount", actor, request: parameters)
            let written = try await permissions.submit(until: context.deadline) { state in
                guard state.accounts[id] != nil else { throw RPCError.noAccount(id) }
                let isUsed = state.assignments.keys.contains { $0.accountID == id }
                guard !isUsed else {
                    throw RPCError.precondition(
                        "ACCOUNT_IN_USE", "Account \(id) still has assignments.")
                }
                let key = RecordKey.account(id)
                return DomainWrite(
                    (), changes: [.delete(key, version: state.nextVersion(key))], events: [event])
            }
            var response = PermissionDeleteAccountResponse()
            response.position = written.position
            return response
        }
    }
}

extension RPCError {
    static func noAccount(_ id: String) -> RPCError {
        .missing("ACCOUNT_NOT_FOUND", "There is no account \(id).")
    }
}
