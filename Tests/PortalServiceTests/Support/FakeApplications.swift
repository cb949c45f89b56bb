import Contracts
import RPC
import Synchronization

@testable import PortalService

/// Applications as the permission service keeps them, without its rules.
final class FakeApplications: Sendable {
    static let arn =
        "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef"

    private struct Held {
        var applications: [String: PermissionApplication] = [:]
        var assignments: [PermissionApplicationAssignment] = []
        var created: [PermissionCreateApplicationRequest] = []
    }

    private let held = Mutex(Held())

    /// What CreateApplication was called with.
    var created: [PermissionCreateApplicationRequest] { held.withLock { $0.created } }
    var assignments: [PermissionApplicationAssignment] { held.withLock { $0.assignments } }

    init(_ first: PermissionApplication) {
        var application = first
        application.applicationArn = Self.arn
        application.version = 1
        held.withLock { $0.applications[Self.arn] = application }
    }

    func add(to table: inout MethodTable) {
        addApplications(to: &table)
        addAssignments(to: &table)
    }

    private func addApplications(to table: inout MethodTable) {
        table.answer(PermissionsMethods.createApplication) {
            [self] (request: PermissionCreateApplicationRequest, _) in
            guard !request.application.name.isEmpty else {
                throw RPCError(
                    .invalidArgument, reason: "NAME", message: "The application needs a name.")
            }
            return held.withLock { held in
                held.created.append(request)
                var answer = PermissionCreateApplicationResponse()
                answer.application = request.application
                answer.application.applicationArn =
                    String(Self.arn.dropLast()) + "\(held.created.count)"
                answer.application.region = "us-east-1"
                held.applications[answer.application.applicationArn] = answer.application
                return answer
            }
        }
        table.answer(PermissionsMethods.listApplications) {
            [self] (request: PermissionListApplicationsRequest, _) in
            var answer = PermissionListApplicationsResponse()
            answer.applications = held.withLock { $0.applications.values.map { $0 } }
                .filter { !request.hasManaged || $0.managed == request.managed }
            return answer
        }
        table.answer(PermissionsMethods.getApplication) {
            [self] (request: PermissionGetApplicationRequest, _) in
            var answer = PermissionGetApplicationResponse()
            answer.application = try application(request.applicationArn)
            return answer
        }
        table.answer(PermissionsMethods.updateApplication) {
            [self] (request: PermissionUpdateApplicationRequest, _) in
            var answer = PermissionUpdateApplicationResponse()
            guard
                try application(request.application.applicationArn).version
                    == request.expectedVersion
            else { throw RPCError(.aborted, reason: "VERSION_CHANGED", message: "Changed.") }
            answer.application = request.application
            answer.application.version += 1
            set(answer.application)
            return answer
        }
    }

    private func addAssignments(to table: inout MethodTable) {
        table.answer(PermissionsMethods.putApplicationAssignmentConfiguration) {
            [self] (request: PermissionPutApplicationAssignmentConfigurationRequest, _) in
            var application = try application(request.applicationArn)
            application.assignmentNotRequired = !request.assignmentRequired
            set(application)
            return PermissionPutApplicationAssignmentConfigurationResponse()
        }
        table.answer(PermissionsMethods.createApplicationAssignment) {
            [self] (request: PermissionCreateApplicationAssignmentRequest, _) in
            held.withLock { $0.assignments.append(request.assignment) }
            return PermissionCreateApplicationAssignmentResponse()
        }
        table.answer(PermissionsMethods.listApplicationAssignments) {
            [self] (request: PermissionListApplicationAssignmentsRequest, _) in
            var answer = PermissionListApplicationAssignmentsResponse()
            answer.assignments = held.withLock { $0.assignments }.filter { assignment in
                request.principalID.isEmpty || request.principalID == assignment.principalID
            }
            return answer
        }
    }

    private func application(_ arn: String) throws -> PermissionApplication {
        guard let application = held.withLock({ $0.applications[arn] }) else {
            throw RPCError(.notFound, reason: "APPLICATION_NOT_FOUND", message: "There is none.")
        }
        return application
    }

    private func set(_ application: PermissionApplication) {
        held.withLock { $0.applications[application.applicationArn] = application }
    }
}
