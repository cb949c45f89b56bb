public import NIOCore

/// Settings of one call.
public struct CallOptions: Sendable {
    /// How long the whole call may take; nil for a stream that is meant to stay open.
    public var timeout: Duration?
    /// Lower-case names; at most 32 pairs and 8 KiB.
    public var metadata: [String: String]

    public init(timeout: Duration? = .seconds(10), metadata: [String: String] = [:]) {
        self.timeout = timeout
        self.metadata = metadata
    }

    public static var standard: CallOptions { CallOptions() }

    /// No end by time: for tails and subscriptions.
    public static var open: CallOptions { CallOptions(timeout: nil) }
}

/// Carries calls to one service. Connections are made when needed and kept.
///
/// Errors are `RPCError`: UNAVAILABLE when the peer cannot be reached, DEADLINE_EXCEEDED when time
/// is up, and what the server says.
public protocol CallChannel: Sendable {
    func unary(_ method: MethodDescriptor, request: ByteBuffer, options: CallOptions) async throws
        -> ByteBuffer

    /// Starts a call with a streamed answer. Dropping or finishing the stream cancels the call.
    func serverStreaming(
        _ method: MethodDescriptor, request: ByteBuffer, options: CallOptions
    ) async throws -> PayloadStream

    /// Ends all connections; calls under way fail with CANCELLED.
    func close() async
}
