import AccessPolicy
import Contracts
import Foundation
import RPC
import SwiftProtobuf

/// Applications are changed in the Region that they were created in, whichever it is, and answered in
/// every one.
extension SSOAdminAPI {
    /// A page of ListApplications holds no more (sso-admin model), whatever is asked for.
    private static let applicationsMax: UInt32 = 50

    var applicationOperations: [JSONOperation] {
        [
            JSONOperation("CreateApplication", .change, createApplication),
            JSONOperation("DescribeApplication", .use) { (input: ApplicationInput, call) in
                let snapshot = try admit(
                    application: input.applicationArn, "sso:DescribeApplication", call)
                return Application(try await application(input.applicationArn, call), snapshot)
            },
            JSONOperation("ListApplications", .use, listApplications),
            JSONOperation("UpdateApplication", .change, updateApplication),
            JSONOperation("DeleteApplication", .change) { (input: ApplicationInput, call) in
                try admit(application: input.applicationArn, "sso:DeleteApplication", call)
                _ = try await permissions.deleteApplication(
                    .with { $0.applicationArn = input.applicationArn }, options: options(call))
                return NoOutput()
            },
        ]
    }

    /// Checks permission for one application; whether it is there is seen when it is read or changed.
    @discardableResult
    func admit(
        application arn: String, _ action: PolicyAction, _ call: AWSCall
    ) throws -> InstanceSnapshot {
        try ApplicationNames.check(applicationARN: arn)
        let snapshot = try required()
        try authorizer.require(action, on: [arn], call)
        return snapshot
    }

    func application(_ arn: String, _ call: AWSCall) async throws -> PermissionApplication {
        try await permissions.getApplication(
            .with { $0.applicationArn = arn }, options: options(call)
        ).application
    }

    private func createApplication(
        _ input: CreateApplicationInput, _ call: AWSCall
    ) async throws -> CreateApplicationOutput {
        let provider = try ApplicationProvider(arn: input.applicationProviderArn)
        let snapshot = try admit(
            input.instanceArn, "sso:CreateApplication", [input.applicationProviderArn], call)
        guard provider == .custom else { throw Self.notCreated(provider) }
        guard input.tags?.isEmpty != false else {
            throw AWSError.validation("Applications have no tags here.")
        }
        let status = try ApplicationNames.status.value(input.status, default: .enabled)
        var request = PermissionCreateApplicationRequest()
        if let token = input.clientToken {
            try ApplicationNames.check(clientToken: token)
            request.clientToken = token
        }
        request.application.name = input.name
        request.application.description_p = input.description ?? ""
        request.application.status = status
        // It has nothing of the instance but what these APIs answer, and the key is no matter to them.
        request.application.supportsCustomerManagedKeys = true
        try input.portalOptions?.apply(to: &request.application)
        let made = try await permissions.createApplication(request, options: options(call))
        return CreateApplicationOutput(
            applicationArn: made.application.applicationArn,
            instanceArn: snapshot.instance.instanceArn,
            identityStoreArn: snapshot.identityStoreARN)
    }

    private static func notCreated(_ provider: ApplicationProvider?) -> AWSError {
        guard provider == .managed else {
            return AWSError("ResourceNotFoundException", "There is no such application provider.")
        }
        return .validation("Managed applications are made by the platform that they belong to.")
    }

    private func updateApplication(
        _ input: UpdateApplicationInput, _ call: AWSCall
    ) async throws -> NoOutput {
        try admit(application: input.applicationArn, "sso:UpdateApplication", call)
        var changed = try await application(input.applicationArn, call)
        let version = changed.version
        if let name = input.name { changed.name = name }
        if let description = input.description { changed.description_p = description }
        changed.status = try ApplicationNames.status.value(input.status, default: changed.status)
        try input.portalOptions?.apply(to: &changed)
        let application = changed
        // Somebody else's change meanwhile is a ConflictException.
        _ = try await permissions.updateApplication(
            .with {
                $0.application = application
                $0.expectedVersion = version
            }, options: options(call))
        return NoOutput()
    }

    private func listApplications(
        _ input: ListApplicationsInput, _ call: AWSCall
    ) async throws -> ListApplicationsOutput {
        let snapshot = try admit(input.instanceArn, "sso:ListApplications", [], call)
        var request = PermissionListApplicationsRequest()
        request.pageSize = min(try Self.size(input.maxResults), Self.applicationsMax)
        request.pageToken = input.nextToken ?? ""
        if let arn = input.filter?.applicationProvider {
            guard let provider = try ApplicationProvider(arn: arn) else { return Self.noneFound }
            request.managed = provider == .managed
        }
        if let account = input.filter?.applicationAccount,
            account != snapshot.instance.ownerAccountID
        {
            return Self.noneFound
        }
        let answer = try await permissions.listApplications(request, options: options(call))
        return ListApplicationsOutput(
            applications: answer.applications.map { Application($0, snapshot) },
            nextToken: answer.nextPageToken.ifNotEmpty)
    }

    private static var noneFound: ListApplicationsOutput {
        ListApplicationsOutput(applications: [], nextToken: nil)
    }
}
