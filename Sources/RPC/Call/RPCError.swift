/// Why a call did not give an answer.
///
/// Crosses the wire as canonical gRPC status code, stable reason, message and metadata. The cause
/// never does.
public struct RPCError: Error, Sendable {
    /// The canonical status codes of gRPC.
    public enum Code: Int, Sendable, CaseIterable {
        case ok = 0
        case cancelled = 1
        case unknown = 2
        case invalidArgument = 3
        case deadlineExceeded = 4
        case notFound = 5
        case alreadyExists = 6
        case permissionDenied = 7
        case resourceExhausted = 8
        case failedPrecondition = 9
        case aborted = 10
        case outOfRange = 11
        case unimplemented = 12
        case internalError = 13
        case unavailable = 14
        case dataLoss = 15
        case unauthenticated = 16
    }

    public var code: Code
    /// Stable, upper-case with underscores or the name of an AWS exception; at most 64 bytes.
    public var reason: String
    /// Safe to show to an operator: no secret, no argument of a query. At most 4 KiB on the wire.
    public var message: String
    /// Facts for programs, such as "primary-region". At most 32 pairs and 8 KiB on the wire.
    public var metadata: [String: String]
    /// What led to this; stays in the process.
    public var cause: (any Error)?

    public init(
        _ code: Code, reason: String, message: String, metadata: [String: String] = [:],
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.reason = reason
        self.message = message
        self.metadata = metadata
        self.cause = cause
    }
}

extension RPCError: CustomStringConvertible {
    public var description: String { "\(code) \(reason): \(message)" }
}
