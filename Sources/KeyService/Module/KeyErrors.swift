import RPC

/// The errors of this service, by the names that AWS KMS gives them.
extension RPCError {
    static func validation(_ message: String) -> RPCError {
        RPCError(.invalidArgument, reason: "ValidationException", message: message)
    }

    static func keyNotFound(_ reference: String) -> RPCError {
        RPCError(
            .notFound, reason: "NotFoundException",
            message: "There is no key \(reference.prefix(256)) in this Region.")
    }

    static func aliasNotFound(_ name: String) -> RPCError {
        RPCError(
            .notFound, reason: "NotFoundException",
            message: "There is no alias \(name.prefix(256)) in this Region.")
    }

    static func alreadyExists(
        _ message: String, metadata: [String: String] = [:]
    ) -> RPCError {
        RPCError(
            .alreadyExists, reason: "AlreadyExistsException", message: message, metadata: metadata)
    }

    static func accessDenied(
        _ principal: String, _ action: String, _ resource: String, why: String
    ) -> RPCError {
        RPCError(
            .permissionDenied, reason: "AccessDeniedException",
            message: "\(principal) may not perform \(action) on \(resource): \(why).")
    }

    static func disabled(_ arn: String) -> RPCError {
        RPCError(
            .failedPrecondition, reason: "DisabledException",
            message: "\(arn) is disabled; enable it with EnableKey.")
    }

    static func invalidState(_ arn: String, _ state: String) -> RPCError {
        RPCError(
            .failedPrecondition, reason: "KMSInvalidStateException",
            message: "\(arn) \(state).", metadata: ["key-arn": arn])
    }

    static func invalidKeyUsage(_ arn: String, _ message: String) -> RPCError {
        RPCError(
            .invalidArgument, reason: "InvalidKeyUsageException", message: "\(arn) \(message).")
    }

    static func unsupported(_ message: String) -> RPCError {
        RPCError(.invalidArgument, reason: "UnsupportedOperationException", message: message)
    }

    static var invalidCiphertext: RPCError {
        RPCError(
            .invalidArgument, reason: "InvalidCiphertextException",
            message: "The ciphertext was altered, or belongs to another encryption context.")
    }

    static func malformedPolicy(_ message: String) -> RPCError {
        RPCError(
            .invalidArgument, reason: "MalformedPolicyDocumentException", message: message)
    }

    static let dryRunReason = "DryRunOperationException"

    /// Everything was checked and nothing was done, as asked.
    static var dryRun: RPCError {
        RPCError(
            .failedPrecondition, reason: dryRunReason,
            message: "The request would have succeeded, but DryRun was asked for.")
    }

    static func invalidImport(_ reason: String, _ message: String) -> RPCError {
        RPCError(.invalidArgument, reason: reason, message: message)
    }

    static func conflict(_ message: String) -> RPCError {
        RPCError(.aborted, reason: "ConflictException", message: message)
    }

    static func limitExceeded(_ message: String) -> RPCError {
        RPCError(.resourceExhausted, reason: "LimitExceededException", message: message)
    }

    /// Something that should not happen; the cause goes to the log only.
    static func keysInternal(_ cause: any Error) -> RPCError {
        RPCError(
            .internalError, reason: "KMSInternalException",
            message: "The keys service failed; see its log.", cause: cause)
    }
}
