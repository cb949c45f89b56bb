public import NIOCore

/// Sends the requests of a streamed call, one after the other; they are complete when it returns.
/// What it throws cancels the call. It is cancelled when the call ends before.
public typealias RequestProducer = @Sendable (PayloadWriter) async throws -> Void

/// Settings of one call.
///
/// A call made by a handler also ends with the call the handler answers, and carries its trace.
public struct CallOptions: Sendable {
    /// How long the whole call may take; nil for a stream that is meant to stay open.
    public var timeout: Duration?
    /// Lower-case names; at most 32 pairs and 8 KiB.
    public var metadata: [String: String]
    /// Waits for a server that cannot be reached, until the timeout, instead of failing at once.
    public var waitsForServer: Bool

    public init(
        timeout: Duration? = .seconds(10), metadata: [String: String] = [:],
        waitsForServer: Bool = false
    ) {
        self.timeout = timeout
        self.metadata = metadata
        self.waitsForServer = waitsForServer
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

    /// A call with streamed requests and one answer.
    func clientStreaming(
        _ method: MethodDescriptor, options: CallOptions, requests: @escaping RequestProducer
    ) async throws -> ByteBuffer

    /// A call with streams both ways. Dropping or finishing the stream cancels the call.
    func bidirectionalStreaming(
        _ method: MethodDescriptor, options: CallOptions, requests: @escaping RequestProducer
    ) async throws -> PayloadStream

    /// Ends all connections; calls under way fail with CANCELLED.
    func close() async
}

/// Channels that stand in for one service need not carry every kind of call.
extension CallChannel {
    public func clientStreaming(
        _ method: MethodDescriptor, options: CallOptions, requests: @escaping RequestProducer
    ) async throws -> ByteBuffer { throw RPCError.wrongKind(method.fullName) }

    public func bidirectionalStreaming(
        _ method: MethodDescriptor, options: CallOptions, requests: @escaping RequestProducer
    ) async throws -> PayloadStream { throw RPCError.wrongKind(method.fullName) }
}
