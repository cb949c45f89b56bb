import HTTPTypes
import RPC

/// A refusal in the form of the JSON protocols: a shape's name and a text.
struct AWSError: Error, Sendable {
    let status: HTTPResponse.Status
    /// The exception's name, which SDKs go by.
    let type: String
    let message: String
    /// More members of the exception's shape.
    var members: [String: String] = [:]

    init(
        _ type: String, _ message: String, status: HTTPResponse.Status = .badRequest,
        members: [String: String] = [:]
    ) {
        self.status = status
        self.type = type
        self.message = message
        self.members = members
    }

    static func validation(_ message: String) -> AWSError {
        AWSError("ValidationException", message)
    }

    /// A member that is required and missing. Names begin with a lower-case letter, as at AWS.
    static func missing(_ member: String) -> AWSError {
        validation(
            "1 validation error detected: Value at '\(member)' failed to satisfy constraint: "
                + "Member must not be null")
    }

    static func serialization(_ message: String) -> AWSError {
        AWSError("SerializationException", message)
    }

    static var unknownOperation: AWSError {
        AWSError("UnknownOperationException", "The operation is not known here.")
    }
}

extension AWSError {
    /// How the JSON protocols name what admission says.
    init(_ refusal: AdmissionRefusal) {
        let type =
            switch refusal {
            case .missing: "MissingAuthenticationTokenException"
            case .incomplete: "IncompleteSignatureException"
            case .notTimely, .wrongScope, .mismatch: "InvalidSignatureException"
            case .unknownCredentials: "UnrecognizedClientException"
            case .ended: "ExpiredTokenException"
            }
        self.init(type, refusal.message)
    }
}
