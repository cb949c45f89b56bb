import Contracts
import RPC
import ReplicatedState

extension PermissionHandler {
    func listApplicationAssignments(
        _ request: PermissionListApplicationAssignmentsRequest, context: ServerContext
    ) async throws -> PermissionListApplicationAssignmentsResponse {
        let limit = try Paging.limit(request.pageSize)
        let after = try Paging.key(request.pageToken)
        let principals = try await principals(of: request, context)
        return try await read(request.hasAtLeast ? request.atLeast : nil, context) { state in
            let rows = try Self.rows(request.applicationArn, principals, in: state).filter { row in
                after.map { row.text > $0 } ?? true
            }
            let page = rows.sorted { $0.text < $1.text }.prefix(limit)
            var response = PermissionListApplicationAssignmentsResponse()
            response.assignments = page.map(\.assignment)
            if rows.count > limit, let last = page.last {
                response.nextPageToken = Paging.token(last.text)
            }
            return response
        }
    }

    /// An application and whom it is assigned to.
    private struct Row {
        let arn: String
        let principal: Principal

        /// What lists are sorted by.
        var text: String { "\(arn) \(principal.text)" }

        var assignment: PermissionApplicationAssignment {
            var assignment = PermissionApplicationAssignment()
            assignment.applicationArn = arn
            assignment.principalType = principal.isGroup ? .group : .user
            assignment.principalID = principal.id
            return assignment
        }
    }

    /// Throws: NOT_FOUND APPLICATION_NOT_FOUND.
    private static func rows(
        _ arn: String, _ principals: [Principal]?, in state: PermissionState
    ) throws -> [Row] {
        guard !arn.isEmpty else {
            return (principals ?? []).flatMap { principal in
                state.applications(of: principal).map { Row(arn: $0, principal: principal) }
            }
        }
        guard state.applications[arn] != nil else { throw RPCError.noApplication(arn) }
        let assigned =
            principals.map { $0.filter { state.isAssigned(arn, $0) } }
            ?? state.principals(ofApplication: arn)
        return assigned.map { Row(arn: arn, principal: $0) }
    }

    /// Whose assignments are asked for; nil for everybody's.
    ///
    /// Throws: INVALID_ARGUMENT FILTER_MISSING, PRINCIPAL_INVALID; with groups what the directory says.
    private func principals(
        of request: PermissionListApplicationAssignmentsRequest, _ context: ServerContext
    ) async throws -> [Principal]? {
        guard !request.principalID.isEmpty else {
            guard !request.applicationArn.isEmpty else {
                throw RPCError.invalid(
                    "FILTER_MISSING", "An application or a principal is needed.")
            }
            return nil
        }
        let principal = try Self.principal(request.principalType, request.principalID)
        guard request.withGroups else { return [principal] }
        try await requireExistence(of: principal, context)
        guard !principal.isGroup else { return [principal] }
        var question = DirectoryListGroupsOfUserRequest()
        question.userID = principal.id
        let groups = try await directory.listGroupsOfUser(
            question, options: CallOptions(timeout: context.deadline.remaining)
        ).groups
        return [principal] + groups.map { Principal(isGroup: true, id: $0.groupID) }
    }
}
