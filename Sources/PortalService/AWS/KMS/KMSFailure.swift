import HTTPTypes
import RPC

/// What the keys service says, as exceptions of KMS.
enum KMSFailure {
    /// The keys service uses KMS' names already; the rest is about the way to it.
    static func exception(_ error: RPCError) -> AWSError {
        if error.reason.hasSuffix("Exception") {
            return AWSError(error.reason, error.message, status: status(of: error.reason))
        }
        switch error.code {
        case .invalidArgument, .outOfRange: return .validation(error.message)
        case .permissionDenied: return AWSError("AccessDeniedException", error.message)
        case .resourceExhausted: return AWSError("ThrottlingException", error.message)
        case .unavailable, .deadlineExceeded, .cancelled:
            return AWSError(
                "DependencyTimeoutException",
                "A part of this Region did not answer in time. Try again.",
                status: .serviceUnavailable)
        default:
            return AWSError(
                "KMSInternalException", "The request failed inside this Region. Try again.",
                status: .internalServerError)
        }
    }

    private static func status(of type: String) -> HTTPResponse.Status {
        switch type {
        case "KMSInternalException", "KeyUnavailableException": .internalServerError
        case "DependencyTimeoutException": .serviceUnavailable
        default: .badRequest
        }
    }
}
