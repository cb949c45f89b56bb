import HTTPTypes
import RPC

/// What the Region's services say, as exceptions of the Identity Store API.
enum IdentityStoreFailure {
    static func exception(_ error: RPCError) -> AWSError {
        switch error.code {
        case .notFound: return notFound(error)
        case .alreadyExists: return conflict("UNIQUENESS_CONSTRAINT_VIOLATION", duplicate(error))
        case .aborted: return conflict("CONCURRENT_MODIFICATION", error.message)
        case .invalidArgument, .outOfRange: return .validation(error.message)
        case .resourceExhausted:
            // A full queue passes; a full disk does not.
            return AWSError(
                error.reason == "STORAGE_FULL"
                    ? "ServiceQuotaExceededException" : "ThrottlingException", error.message)
        case .permissionDenied: return AWSError("AccessDeniedException", error.message)
        case .failedPrecondition: return precondition(error)
        default:
            return AWSError(
                "InternalServerException", "A part of this Region does not answer. Try again.",
                status: .internalServerError)
        }
    }

    static func notFound(_ type: String, _ id: String) -> AWSError {
        AWSError(
            "ResourceNotFoundException", "\(type) not found.",
            members: ["ResourceType": type, "ResourceId": String(id.prefix(1_024))])
    }

    static func conflict(_ reason: String, _ message: String) -> AWSError {
        AWSError("ConflictException", message, members: ["Reason": reason])
    }

    private static func notFound(_ error: RPCError) -> AWSError {
        let (type, name) =
            switch error.reason.split(separator: "_").first {
            case "GROUP": ("GROUP", "group-id")
            case "MEMBERSHIP": ("GROUP_MEMBERSHIP", "membership-id")
            default: ("USER", "user-id")
            }
        return notFound(type, error.metadata[name] ?? "")
    }

    private static func duplicate(_ error: RPCError) -> String {
        switch error.reason {
        case "USER_NAME_TAKEN": "Duplicate UserName"
        case "GROUP_NAME_TAKEN": "Duplicate GroupDisplayName"
        case "EXTERNAL_ID_TAKEN": "Duplicate ExternalId"
        case "MEMBERSHIP_EXISTS": "Member and Group relationship already exists."
        default: error.message
        }
    }

    private static func precondition(_ error: RPCError) -> AWSError {
        switch error.reason {
        // AWS does not say which error a write outside the primary Region is; this names the place.
        case "NOT_PRIMARY", "REGION_NOT_ENABLED":
            AWSError("AccessDeniedException", error.message)
        case "AccessDeniedException":
            AWSError(
                "AccessDeniedException", error.message, members: ["Reason": "KMS_ACCESS_DENIED"])
        case "NotFoundException":
            AWSError(
                "ResourceNotFoundException", error.message,
                members: ["Reason": "KMS_KEY_NOT_FOUND"])
        case "DisabledException": key("KMS_DISABLED", error)
        case "KMSInvalidStateException": key("KMS_INVALID_STATE", error)
        case "InvalidKeyUsageException": key("KMS_INVALID_KEY_USAGE", error)
        default: .validation(error.message)
        }
    }

    private static func key(_ reason: String, _ error: RPCError) -> AWSError {
        AWSError("ValidationException", error.message, members: ["Reason": reason])
    }
}
