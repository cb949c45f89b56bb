import Contracts
import Foundation
import RPC
import ReplicatedState

extension PermissionHandler {
    func createApplication(
        _ request: PermissionCreateApplicationRequest, context: ServerContext
    ) async throws -> PermissionCreateApplicationResponse {
        let parameters: [String: any Sendable] = ["name": request.application.name]
        return try await audit.run("CreateApplication", context, request: parameters) { actor in
            let instance = try instance()
            var application = try ApplicationRules.checked(request.application, instance)
            application.applicationArn = ARN.application(
                instanceARN: instance.instanceArn, accountID: instance.ownerAccountID)
            application.region = region
            application.createdAtUs = Timestamp.nowMicroseconds
            application.version = 1
            let made = application
            let event = audit.event(
                "CreateApplication", actor, request: parameters,
                response: ["applicationArn": made.applicationArn])
            let written = try await applications.submit(until: context.deadline) { state in
                try PermissionLimits.check(
                    state.applications.count, PermissionLimits.applications, "applications")
                return DomainWrite(
                    (), changes: [try Self.put(made, in: state)], events: [event])
            }
            var response = PermissionCreateApplicationResponse()
            response.application = made
            response.position = written.position
            return response
        }
    }

    private static func put(
        _ application: PermissionApplication, in state: PermissionState
    ) throws -> RecordChange {
        var record = PermissionApplicationRecord()
        record.application = application
        let key = RecordKey.application(application.applicationArn)
        return .put(key, version: state.nextVersion(key), try record.recordBytes())
    }

    func getApplication(
        _ request: PermissionGetApplicationRequest, context: ServerContext
    ) async throws -> PermissionGetApplicationResponse {
        try await read(request.hasAtLeast ? request.atLeast : nil, context) { state in
            guard let application = state.applications[request.applicationArn] else {
                throw RPCError.noApplication(request.applicationArn)
            }
            var response = PermissionGetApplicationResponse()
            response.application = application
            return response
        }
    }

    func listApplications(
        _ request: PermissionListApplicationsRequest, context: ServerContext
    ) async throws -> PermissionListApplicationsResponse {
        let limit = try Paging.limit(request.pageSize)
        let after = try Paging.key(request.pageToken)
        return try await read(request.hasAtLeast ? request.atLeast : nil, context) { state in
            let page = state.applications.page(after: after, limit: limit)
            var response = PermissionListApplicationsResponse()
            response.applications = page.rows.map(\.value)
            if !page.isLast, let last = page.rows.last {
                response.nextPageToken = Paging.token(last.key)
            }
            return response
        }
    }

    func updateApplication(
        _ request: PermissionUpdateApplicationRequest, context: ServerContext
    ) async throws -> PermissionUpdateApplicationResponse {
        let arn = request.application.applicationArn
        let parameters: [String: any Sendable] = ["applicationArn": arn]
        return try await audit.run("UpdateApplication", context, request: parameters) { actor in
            let given = try ApplicationRules.checked(request.application, try instance())
            let event = audit.event("UpdateApplication", actor, request: parameters)
            let written = try await applications.submit(until: context.deadline) { state in
                let old = try self.ownApplication(arn, in: state)
                try Versions.check(expected: request.expectedVersion, actual: old.version)
                var application = given
                application.region = old.region
                application.createdAtUs = old.createdAtUs
                application.version = old.version + 1
                application.keepLaterFields(of: old)
                return DomainWrite(
                    application, changes: [try Self.put(application, in: state)], events: [event])
            }
            var response = PermissionUpdateApplicationResponse()
            response.application = written.answer
            response.position = written.position
            return response
        }
    }

    func deleteApplication(
        _ request: PermissionDeleteApplicationRequest, context: ServerContext
    ) async throws -> PermissionDeleteApplicationResponse {
        let arn = request.applicationArn
        let parameters: [String: any Sendable] = ["applicationArn": arn]
        return try await audit.run("DeleteApplication", context, request: parameters) { actor in
            let event = audit.event("DeleteApplication", actor, request: parameters)
            let written = try await applications.submit(until: context.deadline) { state in
                _ = try self.ownApplication(arn, in: state)
                let keys =
                    [RecordKey.application(arn)]
                    + state.principals(ofApplication: arn).map {
                        RecordKey.applicationAssignment(arn, $0)
                    }
                return DomainWrite(
                    (), changes: keys.map { .delete($0, version: state.nextVersion($0)) },
                    events: [event])
            }
            var response = PermissionDeleteApplicationResponse()
            response.position = written.position
            return response
        }
    }

    /// An application that belongs to this Region.
    ///
    /// Throws NOT_FOUND APPLICATION_NOT_FOUND, FAILED_PRECONDITION WRONG_REGION.
    func ownApplication(_ arn: String, in state: PermissionState) throws -> PermissionApplication {
        guard let application = state.applications[arn] else { throw RPCError.noApplication(arn) }
        guard application.region == region else {
            throw RPCError.precondition(
                "WRONG_REGION",
                "\(application.name) belongs to \(application.region) and is changed there.",
                ["application-region": application.region])
        }
        return application
    }
}

/// What an application may hold.
enum ApplicationRules {
    /// Fills defaults in. Throws INVALID_ARGUMENT naming the field, FAILED_PRECONDITION
    /// CMK_NOT_SUPPORTED.
    static func checked(
        _ given: PermissionApplication, _ instance: CoordinatorInstance
    ) throws -> PermissionApplication {
        var application = given
        if application.status == .unspecified { application.status = .enabled }
        guard (1...100).contains(application.name.count) else {
            throw RPCError.invalid("NAME_INVALID", "name needs 1 to 100 characters.")
        }
        guard application.description_p.count <= 128 else {
            throw RPCError.invalid(
                "DESCRIPTION_INVALID", "description may have at most 128 characters.")
        }
        guard application.startURL.utf8.count <= 512, let url = URL(string: application.startURL),
            let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
            url.host?.isEmpty == false
        else {
            throw RPCError.invalid("START_URL_INVALID", "start_url needs an http or https URL.")
        }
        guard application.supportsCustomerManagedKeys || instance.encryption.kmsKeyArn.isEmpty
        else {
            throw RPCError.precondition(
                "CMK_NOT_SUPPORTED",
                "\(application.name) does not support customer managed keys, "
                    + "and this instance uses one.")
        }
        return application
    }
}

extension RPCError {
    static func noApplication(_ arn: String) -> RPCError {
        .missing("APPLICATION_NOT_FOUND", "There is no application \(arn).")
    }
}
