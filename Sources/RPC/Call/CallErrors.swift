/// The errors the runtime itself gives. Their reasons are part of the protocol.
extension RPCError {
    static func deadlineExceeded(_ method: String) -> RPCError {
        RPCError(
            .deadlineExceeded, reason: "DEADLINE_EXCEEDED",
            message: "\(method) did not answer in time.")
    }

    static var callerGone: RPCError {
        RPCError(.cancelled, reason: "CANCELLED", message: "The caller cancelled the call.")
    }

    static var channelClosed: RPCError {
        RPCError(.cancelled, reason: "CHANNEL_CLOSED", message: "The channel was closed.")
    }

    static func unknownMethod(_ method: String) -> RPCError {
        RPCError(
            .unimplemented, reason: "UNKNOWN_METHOD",
            message: "This server has no method \(method.prefix(200)).")
    }

    static func wrongKind(_ method: String) -> RPCError {
        RPCError(
            .unimplemented, reason: "WRONG_CALL_KIND",
            message: "\(method) is not called this way: unary and streamed calls differ.")
    }

    static func notAllowed(_ peer: PeerIdentity, _ method: String) -> RPCError {
        RPCError(
            .permissionDenied, reason: "METHOD_NOT_ALLOWED",
            message: "\(peer) may not call \(method).")
    }

    static func messageTooLarge(_ bytes: Int, _ limits: CallLimits) -> RPCError {
        RPCError(
            .resourceExhausted, reason: "MESSAGE_TOO_LARGE",
            message: "A message has \(bytes) bytes; \(limits.messageBytesMax) are allowed.")
    }

    /// The error as it may leave the process.
    ///
    /// An `RPCError` keeps code, reason, message and metadata within their limits. Anything else
    /// becomes INTERNAL with the request's ID and no text.
    static func leaving(_ error: any Error, requestID: String, limits: CallLimits) -> RPCError {
        if error is CancellationError { return .callerGone }
        guard let error = error as? RPCError, error.code != .ok else {
            return RPCError(
                .internalError, reason: "INTERNAL",
                message: "An internal error occurred; request ID \(requestID).",
                metadata: ["request-id": requestID])
        }
        var metadata = error.metadata
        if error.code == .internalError { metadata["request-id"] = requestID }
        if (try? limits.check(metadata: metadata)) == nil { metadata = ["request-id": requestID] }
        return RPCError(
            error.code, reason: error.reason.limited(toBytes: 64),
            message: error.message.limited(toBytes: 4096), metadata: metadata)
    }
}

extension String {
    /// The longest beginning that takes at most so many bytes, cut between characters.
    func limited(toBytes bytesMax: Int) -> String {
        guard utf8.count > bytesMax else { return self }
        var end = utf8.index(startIndex, offsetBy: bytesMax)
        while end > startIndex, end.samePosition(in: self) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
