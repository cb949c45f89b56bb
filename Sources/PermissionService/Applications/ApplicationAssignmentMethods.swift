import Contracts
import RPC
import ReplicatedState

extension PermissionHandler {
    func createApplicationAssignment(
        _ request: PermissionCreateApplicationAssignmentRequest, context: ServerContext
    ) async throws -> PermissionCreateApplicationAssignmentResponse {
        let given = request.assignment
        let parameters = Self.parameters(given)
        return try await audit.run("CreateApplicationAssignment", context, request: parameters) {
            actor in
            let principal = try Self.principal(given.principalType, given.principalID)
            try await requireExistence(of: principal, context)
            let event = audit.event("CreateApplicationAssignment", actor, request: parameters)
            var record = PermissionApplicationAssignmentRecord()
            record.assignment = given
            record.createdAtUs = Timestamp.nowMicroseconds
            let bytes = try record.recordBytes()
            let arn = given.applicationArn
            let written = try await applications.submit(until: context.deadline) { state in
                _ = try self.ownApplication(arn, in: state)
                guard !state.isAssigned(arn, principal) else {
                    throw RPCError.taken(
                        "ASSIGNMENT_EXISTS", "The application is assigned to them already.")
                }
                if principal.isGroup {
                    try PermissionLimits.check(
                        state.groupCount(ofApplication: arn), PermissionLimits.applicationGroups,
                        "groups that it is assigned to")
                }
                let key = RecordKey.applicationAssignment(arn, principal)
                return DomainWrite(
                    (), changes: [.put(key, version: state.nextVersion(key), bytes)],
                    events: [event], shared: [RecordKey.application(arn)])
            }
            var response = PermissionCreateApplicationAssignmentResponse()
            response.position = written.position
            return response
        }
    }

    func deleteApplicationAssignment(
        _ request: PermissionDeleteApplicationAssignmentRequest, context: ServerContext
    ) async throws -> PermissionDeleteApplicationAssignmentResponse {
        let given = request.assignment
        let parameters = Self.parameters(given)
        return try await audit.run("DeleteApplicationAssignment", context, request: parameters) {
            actor in
            let principal = try Self.principal(given.principalType, given.principalID)
            let event = audit.event("DeleteApplicationAssignment", actor, request: parameters)
            let arn = given.applicationArn
            let written = try await applications.submit(until: context.deadline) { state in
                _ = try self.ownApplication(arn, in: state)
                guard state.isAssigned(arn, principal) else {
                    throw RPCError.missing(
                        "ASSIGNMENT_NOT_FOUND", "There is no such application assignment.")
                }
                let key = RecordKey.applicationAssignment(arn, principal)
                return DomainWrite(
                    (), changes: [.delete(key, version: state.nextVersion(key))], events: [event])
            }
            var response = PermissionDeleteApplicationAssignmentResponse()
            response.position = written.position
            return response
        }
    }

    private static func parameters(
        _ assignment: PermissionApplicationAssignment
    ) -> [String: any Sendable] {
        [
            "applicationArn": assignment.applicationArn,
            "principalType": assignment.principalType == .group ? "GROUP" : "USER",
            "principalId": assignment.principalID,
        ]
    }
}
