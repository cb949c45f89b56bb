import AccessPolicy
import Contracts
import Foundation
import RPC
import ServiceKit

/// The Identity Store API over the Region's directory. Reads answer in every Region, writes in the
/// primary.
///
/// The identity provider's SCIM client writes the same people and groups: of two writes of one
/// attribute the later stands.
struct IdentityStoreAPI: Sendable {
    static let bodyBytesMax = 256 << 10
    private static let pageSizeMax = 100

    let directory: DirectoryClient
    let instance: InstanceWatch
    let authorizer: IdentityAuthorizer

    var service: JSONService {
        JSONService(
            targetPrefix: "AWSIdentityStore", signingName: "identitystore",
            eventSource: "identitystore.amazonaws.com", bodyBytesMax: Self.bodyBytesMax,
            errorsNameRequest: true, failure: IdentityStoreFailure.exception,
            operations: userOperations + groupOperations + membershipOperations
                + userWriteOperations + groupWriteOperations + membershipWriteOperations)
    }

    /// What an operation is about, for its policies: any of a kind, or one by its ID.
    enum Subject {
        case user, group, membership
        case named(IdentityStoreNames.Kind, String)

        var arn: String {
            switch self {
            case .user: IdentityStoreNames.arn(.user, "*")
            case .group: IdentityStoreNames.arn(.group, "*")
            case .membership: IdentityStoreNames.arn(.membership, "*")
            case .named(let kind, let id): IdentityStoreNames.arn(kind, id)
            }
        }
    }

    /// Checks store and permission before anything is read.
    ///
    /// - Parameter storeID: the store's ID or ARN.
    @discardableResult
    func admit(
        _ storeID: String, _ action: PolicyAction, _ subjects: [Subject], _ call: AWSCall
    ) throws -> InstanceSnapshot {
        let snapshot = try instance.required()
        try authorizer.require(
            action, on: [snapshot.identityStoreARN] + subjects.map(\.arn), call)
        guard [snapshot.instance.identityStoreID, snapshot.identityStoreARN].contains(storeID)
        else { throw IdentityStoreFailure.notFound("IDENTITY_STORE", storeID) }
        return snapshot
    }

    /// The same for what changes something: that is the primary's.
    @discardableResult
    func admitWrite(
        _ storeID: String, _ action: PolicyAction, _ subjects: [Subject], _ call: AWSCall
    ) throws -> InstanceSnapshot {
        let snapshot = try admit(storeID, action, subjects, call)
        guard snapshot.isPrimary else {
            let primary = snapshot.instance.primaryRegion
            throw AWSError(
                "AccessDeniedException",
                "Identities are written in the primary Region, \(primary): "
                    + "\(snapshot.portalURL(of: primary)).")
        }
        return snapshot
    }

    func options(_ call: AWSCall) -> CallOptions {
        CallOptions(timeout: .seconds(10), metadata: CallActor.metadata(call.actor))
    }

    /// Throws: `AWSError` ValidationException unless 1 to 100.
    static func size(_ maxResults: Int?) throws -> UInt32 {
        let size = maxResults ?? pageSizeMax
        guard (1...pageSizeMax).contains(size) else {
            throw AWSError.validation("MaxResults is 1 to \(pageSizeMax).")
        }
        return UInt32(size)
    }
}

extension String {
    /// Nil for an empty text: such members are left out.
    var ifNotEmpty: String? { isEmpty ? nil : self }
}

extension Array {
    /// Nil for an empty list: such members are left out.
    var ifNotEmpty: [Element]? { isEmpty ? nil : self }
}
