import AccessPolicy
import Contracts
import Foundation
import HTTPTypes
import RPC
import ServiceKit

/// The reads of the Identity Store API over the Region's directory: they answer in every Region.
///
/// Users and groups are written by the identity provider's SCIM client and by operators.
struct IdentityStoreAPI: Sendable {
    static let bodyBytesMax = 64 << 10
    private static let pageSizeMax = 100

    let directory: DirectoryClient
    let instance: InstanceWatch
    let authorizer: IdentityAuthorizer

    var service: JSONService {
        JSONService(
            targetPrefix: "AWSIdentityStore", signingName: "identitystore",
            eventSource: "identitystore.amazonaws.com", bodyBytesMax: Self.bodyBytesMax,
            failure: Self.exception,
            operations: userOperations + groupOperations + membershipOperations)
    }

    /// What an operation is about, for its policies.
    enum Subject { case user, group, membership }

    /// Checks store and permission before anything is read.
    func admit(
        _ storeID: String, _ action: PolicyAction, _ subjects: [Subject], _ call: AWSCall
    ) throws -> InstanceSnapshot {
        let snapshot = try instance.required()
        let resources = subjects.map { subject in
            switch subject {
            case .user: "arn:aws:identitystore:::user/*"
            case .group: "arn:aws:identitystore:::group/*"
            case .membership: "arn:aws:identitystore:::membership/*"
            }
        }
        try authorizer.require(action, on: [snapshot.identityStoreARN] + resources, call)
        guard storeID == snapshot.instance.identityStoreID else {
            throw Self.notFound("IDENTITY_STORE", storeID)
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

    static func notFound(_ type: String, _ id: String) -> AWSError {
        AWSError(
            "ResourceNotFoundException", "\(type) not found.",
            members: ["ResourceType": type, "ResourceId": String(id.prefix(1_024))])
    }

    private static func exception(_ error: RPCError) -> AWSError {
        switch error.code {
        case .notFound:
            return notFound(error.reason.hasPrefix("GROUP") ? "GROUP" : "USER", "")
        case .invalidArgument, .outOfRange: return .validation(error.message)
        case .resourceExhausted: return AWSError("ThrottlingException", error.message)
        case .failedPrecondition where error.reason == "AccessDeniedException":
            return AWSError(
                "AccessDeniedException", error.message, members: ["Reason": "KMS_ACCESS_DENIED"])
        case .failedPrecondition where error.reason == "DisabledException":
            return AWSError(
                "ValidationException", error.message, members: ["Reason": "KMS_DISABLED"])
        default:
            return AWSError(
                "InternalServerException", "A part of this Region does not answer. Try again.",
                status: .internalServerError)
        }
    }
}

extension String {
    /// Nil for an empty text: such members are left out.
    var ifNotEmpty: String? { isEmpty ? nil : self }
}
