import NIOCore
import NIOHTTP2

/// One stream of a connection. Lives on its connection's loop.
///
/// Remembered until both the stream is closed and the handler has ended.
final class HTTP2Call {
    let id: HTTP2StreamID
    let started: NIODeadline
    /// Position in the method index, and what the handler is told; nil for a call that was refused
    /// before its method was known.
    let admitted: Admitted?
    /// What has arrived of the messages.
    var received = GRPCMessageBuffer()
    /// Answers a caller in kind that compresses its requests.
    var compressesAnswers = false
    /// The only request, once it is there.
    var request: ByteBuffer?
    /// Where a method that takes a stream of requests gets them.
    var requests: IncomingStream?
    /// Lets streamed answers through.
    var gate: CreditGate?
    var task: Task<Void, Never>?
    /// What the peer may still send on the stream, as the codec says.
    var window = HTTP2Connection.streamWindowBytes
    /// Bytes of requests that the handler has not taken.
    var heldBytes = 0
    /// Bytes of an answer that was given at once; known to be sent when the stream is closed.
    var unsentBytes = 0
    /// The peer has sent its last request.
    var isComplete = false
    var hasSentHeaders = false
    /// The end is written, or nobody wants one.
    var isAnswered = false
    var isClosed = false

    struct Admitted {
        let slot: Int
        let entry: MethodTable.Entry
        let context: ServerContext
        let counters: MethodCounters
        let isGzip: Bool
        let acceptsGzip: Bool
    }

    init(id: HTTP2StreamID, started: NIODeadline, admitted: Admitted?) {
        self.id = id
        self.started = started
        self.admitted = admitted
        received.acceptsGzip = admitted?.isGzip == true
        compressesAnswers = admitted?.acceptsGzip == true
    }

    var deadline: NIODeadline { admitted?.context.deadline.instant ?? .distantFuture }

    /// Tells the handler that nobody waits for it.
    func stop(_ error: RPCError) {
        isAnswered = true
        gate?.close(error)
        requests?.finish(error)
        task?.cancel()
    }

    /// How many bytes more the peer should be allowed to send now; 0 while it is not worth a frame.
    var windowIncrement: Int {
        guard !isComplete, !isAnswered else { return 0 }
        let missing = received.missingBytes
        let target = max(HTTP2Connection.streamWindowBytes - heldBytes, missing)
        let isDue = window < missing || target - window >= HTTP2Connection.streamWindowBytes / 4
        return isDue ? max(0, target - window) : 0
    }
}
