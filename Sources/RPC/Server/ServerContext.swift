/// What a handler knows of the call besides its message.
public struct ServerContext: Sendable {
    public let method: MethodDescriptor
    public let peer: PeerIdentity
    /// Always set: the server gives calls without one its own maximum.
    public let deadline: Deadline
    /// Sent by the caller; lower-case names. At most 32 pairs and 8 KiB.
    public let metadata: [String: String]
    /// Appears in logs and in INTERNAL errors.
    public let requestID: String

    public init(
        method: MethodDescriptor, peer: PeerIdentity, deadline: Deadline,
        metadata: [String: String], requestID: String
    ) {
        self.method = method
        self.peer = peer
        self.deadline = deadline
        self.metadata = metadata
        self.requestID = requestID
    }
}
