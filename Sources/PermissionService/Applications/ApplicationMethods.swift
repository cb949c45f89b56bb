import Contracts
import RPC
import ReplicatedState

extension PermissionHandler {
    func createApplication(
        _ request: PermissionCreateApplicationRequest, context: ServerContext
    ) async throws -> PermissionCreateApplicationResponse {
        let isClosed = !request.application.assignmentNotRequired
        let parameters = Self.parameters(request.application)
            .merging(["assignmentRequired": isClosed]) { $1 }
        return try await audit.run("CreateApplication", context, request: parameters) { actor in
            let instance = try instance()
            let asked = try ApplicationRules.checked(request.application, instance).asAsked
            let creation = try ApplicationToken.creation(request.clientToken, of: asked)
            var application = asked
            application.applicationArn = ARN.application(
                instanceARN: instance.instanceArn, accountID: instance.ownerAccountID)
            application.region = region
            application.createdAtUs = Timestamp.nowMicroseconds
            application.version = 1
            let made = application
            let event: @Sendable (PermissionApplication) -> TrailEvent = { answer in
                audit.event(
                    "CreateApplication", actor, request: parameters,
                    response: ["applicationArn": answer.applicationArn])
            }
            let written = try await applications.submit(until: context.deadline) { state in
                if let present = try self.application(madeBy: creation, in: state) {
                    return DomainWrite(
                        present, events: [event(present)],
                        shared: [RecordKey.application(present.applicationArn)])
                }
                try PermissionLimits.check(
                    state.applications.count, PermissionLimits.applications, "applications")
                return DomainWrite(
                    made, changes: [try Self.put(made, creation, in: state)],
                    events: [event(made)], exclusive: ApplicationToken.claims(creation))
            }
            var response = PermissionCreateApplicationResponse()
            response.application = written.answer
            response.position = written.position
            return response
        }
    }

    private static func put(
        _ application: PermissionApplication, _ creation: PermissionApplicationCreation?,
        in state: PermissionState
    ) throws -> RecordChange {
        var record = PermissionApplicationRecord()
        record.application = application
        if let creation { record.creation = creation }
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
            let page = state.applications.page(after: after, limit: limit) { application in
                !request.hasManaged || application.managed == request.managed
            }
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
        let parameters = Self.parameters(request.application)
            .merging(["applicationArn": arn]) { $1 }
        return try await audit.run("UpdateApplication", context, request: parameters) { actor in
            let given = try ApplicationRules.checked(request.application, try instance())
            let event = audit.event("UpdateApplication", actor, request: parameters)
            let written = try await applications.submit(until: context.deadline) { state in
                let old = try self.ownApplication(arn, in: state)
                try Versions.check(expected: request.expectedVersion, actual: old.version)
                var application = given
                application.region = old.region
                application.createdAtUs = old.createdAtUs
                application.assignmentNotRequired = old.assignmentNotRequired
                application.version = old.version + 1
                application.keepLaterFields(of: old)
                let creation = state.creation(ofApplication: arn)
                return DomainWrite(
                    application, changes: [try Self.put(application, creation, in: state)],
                    events: [event])
            }
            var response = PermissionUpdateApplicationResponse()
            response.application = written.answer
            response.position = written.position
            return response
        }
    }

    func putApplicationAssignmentConfiguration(
        _ request: PermissionPutApplicationAssignmentConfigurationRequest, context: ServerContext
    ) async throws -> PermissionPutApplicationAssignmentConfigurationResponse {
        let arn = request.applicationArn
        let name = "PutApplicationAssignmentConfiguration"
        let parameters: [String: any Sendable] = [
            "applicationArn": arn, "assignmentRequired": request.assignmentRequired,
        ]
        return try await audit.run(name, context, request: parameters) { actor in
            let event = audit.event(name, actor, request: parameters)
            let written = try await applications.submit(until: context.deadline) { state in
                var application = try self.ownApplication(arn, in: state)
                application.assignmentNotRequired = !request.assignmentRequired
                application.version += 1
                let creation = state.creation(ofApplication: arn)
                return DomainWrite(
                    (), changes: [try Self.put(application, creation, in: state)], events: [event])
            }
            var response = PermissionPutApplicationAssignmentConfigurationResponse()
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

    /// What the trail says of a new or changed application.
    private static func parameters(_ application: PermissionApplication) -> [String: any Sendable] {
        [
            "name": String(application.name.prefix(100)),
            "status": application.status == .disabled ? "DISABLED" : "ENABLED",
            "portalOptions": [
                "visibility": application.hidden ? "DISABLED" : "ENABLED",
                "applicationUrl": String(application.startURL.prefix(512)),
            ],
        ]
    }
}

extension RPCError {
    static func noApplication(_ arn: String) -> RPCError {
        .missing("APPLICATION_NOT_FOUND", "There is no application \(arn).")
    }
}
