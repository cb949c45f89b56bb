import Contracts
import RPC
import ReplicatedState

extension PermissionHandler {
    func createAccountAssignment(
        _ request: PermissionCreateAccountAssignmentRequest, context: ServerContext
    ) async throws -> PermissionCreateAccountAssignmentResponse {
        let parameters = Self.parameters(
            request.accountID, request.permissionSetArn, request.principalType, request.principalID)
        return try await audit.run("CreateAccountAssignment", context, request: parameters) {
            actor in
            let principal = try Self.principal(request.principalType, request.principalID)
            try await requireExistence(of: principal, context)
            let key = AssignmentKey(
                accountID: request.accountID, permissionSetARN: request.permissionSetArn,
                principal: principal)
            let event = audit.event("CreateAccountAssignment", actor, request: parameters)
            let suffix = ARN.randomHex()
            let written = try await permissions.submit(until: context.deadline) { state in
                try Self.create(key, in: state, suffix: suffix, event: event)
            }
            var response = PermissionCreateAccountAssignmentResponse()
            response.assignment = written.answer
            response.position = written.position
            return response
        }
    }

    /// The role's name stays the same while one assignment of the set in the account remains.
    private static func create(
        _ key: AssignmentKey, in state: PermissionState, suffix: String, event: TrailEvent
    ) throws -> DomainWrite<PermissionAccountAssignment> {
        guard state.accounts[key.accountID] != nil else { throw RPCError.noAccount(key.accountID) }
        guard let set = state.permissionSets[key.permissionSetARN] else {
            throw RPCError.noPermissionSet(key.permissionSetARN)
        }
        if let present = state.assignments[key] { return DomainWrite(present, events: [event]) }
        var assignment = PermissionAccountAssignment()
        assignment.accountID = key.accountID
        assignment.permissionSetArn = key.permissionSetARN
        assignment.principalType = key.principal.isGroup ? .group : .user
        assignment.principalID = key.principal.id
        assignment.createdAtUs = Timestamp.nowMicroseconds
        let sibling = state.assignments(of: key.role).first.flatMap { state.assignments[$0] }
        assignment.roleName = sibling?.roleName ?? "AWSReservedSSO_\(set.name)_\(suffix)"
        var record = PermissionAssignmentRecord()
        record.assignment = assignment
        let recordKey = key.recordKey
        return DomainWrite(
            assignment,
            changes: [
                .put(recordKey, version: state.nextVersion(recordKey), try record.recordBytes())
            ],
            events: [event],
            exclusive: ["role/\(key.accountID)/\(key.permissionSetARN)"],
            shared: [
                RecordKey.account(key.accountID), RecordKey.permissionSet(key.permissionSetARN),
            ])
    }

    func deleteAccountAssignment(
        _ request: PermissionDeleteAccountAssignmentRequest, context: ServerContext
    ) async throws -> PermissionDeleteAccountAssignmentResponse {
        let parameters = Self.parameters(
            request.accountID, request.permissionSetArn, request.principalType, request.principalID)
        return try await audit.run("DeleteAccountAssignment", context, request: parameters) {
            actor in
            let key = AssignmentKey(
                accountID: request.accountID, permissionSetARN: request.permissionSetArn,
                principal: try Self.principal(request.principalType, request.principalID))
            let event = audit.event("DeleteAccountAssignment", actor, request: parameters)
            let written = try await permissions.submit(until: context.deadline) { state in
                guard state.assignments[key] != nil else {
                    throw RPCError.missing(
                        "ASSIGNMENT_NOT_FOUND", "There is no such account assignment.")
                }
                let recordKey = key.recordKey
                return DomainWrite(
                    (), changes: [.delete(recordKey, version: state.nextVersion(recordKey))],
                    events: [event], exclusive: ["role/\(key.accountID)/\(key.permissionSetARN)"])
            }
            var response = PermissionDeleteAccountAssignmentResponse()
            response.position = written.position
            return response
        }
    }

    func listAccountAssignments(
        _ request: PermissionListAccountAssignmentsRequest, context: ServerContext
    ) async throws -> PermissionListAccountAssignmentsResponse {
        let limit = try Paging.limit(request.pageSize)
        let token = try Paging.key(request.pageToken)
        return try await read(request.hasAtLeast ? request.atLeast : nil, context) { state in
            let page = state.assignments.page(
                after: try token.map(Self.assignmentKey), limit: limit
            ) { row in
                (request.accountID.isEmpty || row.accountID == request.accountID)
                    && (request.permissionSetArn.isEmpty
                        || row.permissionSetArn == request.permissionSetArn)
                    && (request.principalID.isEmpty || row.principalID == request.principalID)
            }
            var response = PermissionListAccountAssignmentsResponse()
            response.assignments = page.rows.map(\.value)
            if !page.isLast, let last = page.rows.last?.key {
                response.nextPageToken = Paging.token(
                    "\(last.accountID) \(last.permissionSetARN) \(last.principal.text)")
            }
            return response
        }
    }

    private static func assignmentKey(_ token: String) throws -> AssignmentKey {
        let parts = token.split(separator: " ").map(String.init)
        guard parts.count == 3, parts[2].count > 2 else {
            throw RPCError.invalid("PAGE_TOKEN_INVALID", "page_token is not of this list.")
        }
        return AssignmentKey(
            accountID: parts[0], permissionSetARN: parts[1],
            principal: Principal(
                isGroup: parts[2].hasPrefix("g"), id: String(parts[2].dropFirst(2))))
    }

    static func principal(_ type: PermissionPrincipalType, _ id: String) throws -> Principal {
        guard let principal = Principal(type, id), !id.isEmpty, id.utf8.count <= 47,
            !id.contains("/")
        else {
            throw RPCError.invalid(
                "PRINCIPAL_INVALID", "A principal is the ID of a user or of a group.")
        }
        return principal
    }

    private static func parameters(
        _ account: String, _ set: String, _ type: PermissionPrincipalType, _ principal: String
    ) -> [String: any Sendable] {
        [
            "targetId": account, "targetType": "AWS_ACCOUNT", "permissionSetArn": set,
            "principalType": type == .group ? "GROUP" : "USER", "principalId": principal,
        ]
    }

    /// Throws NOT_FOUND PRINCIPAL_NOT_FOUND.
    func requireExistence(of principal: Principal, _ context: ServerContext) async throws {
        let options = CallOptions(timeout: context.deadline.remaining)
        do {
            if principal.isGroup {
                var request = DirectoryGetGroupRequest()
                request.groupID = principal.id
                _ = try await directory.getGroup(request, options: options)
            } else {
                var request = DirectoryGetUserRequest()
                request.userID = principal.id
                _ = try await directory.getUser(request, options: options)
            }
        } catch let error as RPCError
            where error.code == .notFound || error.code == .invalidArgument
        {
            throw RPCError.missing(
                "PRINCIPAL_NOT_FOUND",
                "There is no \(principal.isGroup ? "group" : "user") \(principal.id).")
        }
    }
}
