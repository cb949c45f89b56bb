import HTTPTypes
import RPC

/// What the Region's services say, as exceptions of sso-admin.
enum SSOAdminFailure {
    static func exception(_ error: RPCError) -> AWSError {
        if let failure = keyFailure(error) { return failure }
        switch error.code {
        case .notFound: return AWSError("ResourceNotFoundException", error.message)
        case .alreadyExists, .aborted: return AWSError("ConflictException", error.message)
        case .invalidArgument, .outOfRange: return .validation(error.message)
        case .resourceExhausted: return AWSError("ServiceQuotaExceededException", error.message)
        case .permissionDenied: return AWSError("AccessDeniedException", error.message)
        case .failedPrecondition: return precondition(error)
        default:
            return AWSError(
                "InternalServerException", "A part of this Region does not answer. Try again.",
                status: .internalServerError)
        }
    }

    private static func precondition(_ error: RPCError) -> AWSError {
        switch error.reason {
        // AWS does not say which error a write in a wrong Region is; this names the right one.
        case "NOT_PRIMARY", "REGION_NOT_ENABLED", "WRONG_REGION":
            return AWSError("AccessDeniedException", error.message)
        case "REGION_PRECONDITIONS_FAILED": return preconditions(error)
        case let reason where reason.hasSuffix("_IN_USE"):
            return AWSError("ConflictException", error.message)
        default: return .validation(error.message)
        }
    }

    /// One problem has the exception that fits it; several together are a ValidationException.
    private static func preconditions(_ error: RPCError) -> AWSError {
        let problems = error.metadata.filter { $0.key.hasPrefix("problem-") }
            .sorted { $0.key < $1.key }.map(\.value)
        let text = ([error.message] + problems).joined(separator: " ")
        guard problems.count == 1, let code = problems[0].split(separator: ":").first else {
            return .validation(text)
        }
        switch code {
        case "REGION_QUOTA": return AWSError("ServiceQuotaExceededException", text)
        case "REGION_IS_PRIMARY": return AWSError("ConflictException", text)
        case "KEY_POLICY_DENIES":
            return AWSError(
                "AccessDeniedException", text, members: ["Reason": "KMS_AccessDeniedException"])
        case "KEY_REPLICA_NOT_ENABLED":
            return AWSError(
                "ValidationException", text, members: ["Reason": "KMS_DisabledException"])
        case "KEY_NOT_SYMMETRIC":
            return AWSError(
                "ValidationException", text, members: ["Reason": "KMS_InvalidKeyUsageException"])
        default: return .validation(text)
        }
    }

    /// Errors of the instance's key come with the names that KMS gives them.
    private static func keyFailure(_ error: RPCError) -> AWSError? {
        let type =
            switch error.reason {
            case "AccessDeniedException": "AccessDeniedException"
            case "NotFoundException": "ResourceNotFoundException"
            case "DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException":
                "ValidationException"
            default: ""
            }
        guard !type.isEmpty else { return nil }
        let name = error.reason.hasPrefix("KMS") ? String(error.reason.dropFirst(3)) : error.reason
        return AWSError(type, error.message, members: ["Reason": "KMS_\(name)"])
    }
}
