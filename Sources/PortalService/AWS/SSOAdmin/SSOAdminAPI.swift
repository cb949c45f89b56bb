import AccessPolicy
import Contracts
import Foundation
import RPC
import ServiceKit

/// IAM Identity Center's administration API (`sso-admin`): Regions, the instance, permission sets,
/// account assignments, and applications.
///
/// Reads answer in every Region, writes in the primary, those of an application in the Region that it
/// belongs to. What AWS does later and reports by a status
/// is done here before the answer, so a status is SUCCEEDED from the start.
struct SSOAdminAPI: Sendable {
    static let bodyBytesMax = 256 << 10
    private static let pageSizeMax = 100

    let coordinator: CoordinatorInstanceAdministrationClient
    let permissions: PermissionsClient
    let instance: InstanceWatch
    let authorizer: IdentityAuthorizer
    let requests: RequestBook
    let now: @Sendable () -> Date

    var service: JSONService {
        JSONService(
            targetPrefix: "SWBExternalService", signingName: "sso",
            eventSource: "sso.amazonaws.com",
            bodyBytesMax: Self.bodyBytesMax, failure: SSOAdminFailure.exception,
            operations: regionOperations + instanceOperations + permissionSetOperations
                + policyOperations + assignmentOperations + provisioningOperations
                + applicationOperations + applicationProviderOperations
                + applicationAssignmentOperations)
    }

    /// Checks permission and instance before anything is read or changed.
    ///
    /// - Parameter resources: ARNs beside the instance's.
    @discardableResult
    func admit(
        _ arn: String, _ action: PolicyAction, _ resources: [String] = [], _ call: AWSCall
    ) throws -> InstanceSnapshot {
        let snapshot = try required()
        try authorizer.require(action, on: [snapshot.instance.instanceArn] + resources, call)
        guard arn == snapshot.instance.instanceArn else {
            throw AWSError("ResourceNotFoundException", "The instance is not known here.")
        }
        return snapshot
    }

    func required() throws -> InstanceSnapshot {
        guard let snapshot = instance.snapshot else {
            throw AWSError(
                "AccessDeniedException", "This Region is not part of an instance.")
        }
        return snapshot
    }

    func options(_ call: AWSCall) -> CallOptions {
        CallOptions(timeout: .seconds(30), metadata: CallActor.metadata(call.actor))
    }

    /// Throws: `AWSError` ValidationException unless 1 to 100.
    static func size(_ maxResults: Int?) throws -> UInt32 {
        let size = maxResults ?? pageSizeMax
        guard (1...pageSizeMax).contains(size) else {
            throw AWSError.validation("MaxResults is 1 to \(pageSizeMax).")
        }
        return UInt32(size)
    }

    /// An input that names the instance and perhaps a permission set, with a page.
    struct Input: Decodable, Sendable, TrailDescribed {
        let instanceArn: String
        let permissionSetArn: String?
        let accountId: String?
        let maxResults: Int?
        let nextToken: String?

        var trailParameters: [String: any Sendable] {
            var parameters: [String: any Sendable] = ["instanceArn": instanceArn]
            parameters["permissionSetArn"] = permissionSetArn
            parameters["accountId"] = accountId
            return parameters
        }

        func set() throws -> String {
            guard let permissionSetArn else { throw AWSError.missing("permissionSetArn") }
            return permissionSetArn
        }

        func account() throws -> String {
            guard let accountId else { throw AWSError.missing("accountId") }
            return accountId
        }
    }

    /// A part of a list that is sorted here; a page goes on after the last one's name.
    static func page<Item>(
        _ all: [Item], _ input: Input, by name: (Item) -> String
    ) throws -> (items: [Item], nextToken: String?) {
        try page(all, input.maxResults, input.nextToken, by: name)
    }

    static func page<Item>(
        _ all: [Item], _ maxResults: Int?, _ nextToken: String?, by name: (Item) -> String
    ) throws -> (items: [Item], nextToken: String?) {
        let size = Int(try size(maxResults))
        let rest = all.sorted { name($0) < name($1) }.drop { name($0) <= nextToken ?? "" }
        let page = Array(rest.prefix(size))
        return (page, rest.count > page.count ? page.last.map(name) : nil)
    }

    static func account(_ id: String) -> String { "arn:aws:sso:::account/\(id.prefix(64))" }
}
