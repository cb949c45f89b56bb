public import NIOCore

/// What a read answered on the event loop may say.
public enum ImmediateAnswer: Sendable {
    /// The encoded response.
    case answer(ByteBuffer)
    /// The encoded response is in the sink.
    case written
    case failure(RPCError)
    /// Not from memory alone: let the asynchronous handler answer.
    case later
}

/// The methods a server offers, by full name, with what answers them.
///
/// Registering a name twice is a programming error and stops the process.
public struct MethodTable: Sendable {
    public typealias Unary = @Sendable (ByteBuffer, ServerContext) async throws -> ByteBuffer
    public typealias ServerStreaming =
        @Sendable (ByteBuffer, ServerContext, PayloadWriter) async throws -> Void
    public typealias ClientStreaming =
        @Sendable (PayloadStream, ServerContext) async throws -> ByteBuffer
    public typealias BidirectionalStreaming =
        @Sendable (PayloadStream, ServerContext, PayloadWriter) async throws -> Void
    /// Runs on the event loop: must not block and takes no more than microseconds.
    ///
    /// It is lent the request's bytes, which are not to be used once it returns, and told who calls.
    /// What else a call has (deadline, metadata) only the asynchronous handler sees; see
    /// `registerImmediate` for metadata that must not be passed over.
    public typealias Immediate =
        @Sendable (UnsafeRawBufferPointer, PeerIdentity, AnswerSink) -> ImmediateAnswer

    public enum Handler: Sendable {
        case unary(Unary)
        case serverStreaming(ServerStreaming)
        case clientStreaming(ClientStreaming)
        case bidirectionalStreaming(BidirectionalStreaming)
    }

    public struct Entry: Sendable {
        public let method: MethodDescriptor
        public let handler: Handler
        public internal(set) var immediate: Immediate?
        /// Calls with metadata of this name are for the handler alone.
        var handlerMetadata: String?

        /// The fast path, if there is one for calls with this metadata.
        func immediate(with metadata: [String: String]) -> Immediate? {
            guard let handlerMetadata, metadata[handlerMetadata] != nil else { return immediate }
            return nil
        }
    }

    public private(set) var entries: [String: Entry] = [:]

    public init() {}

    public mutating func register(_ method: MethodDescriptor, _ handler: Handler) {
        precondition(entries[method.fullName] == nil, "\(method.fullName) is registered twice")
        entries[method.fullName] = Entry(method: method, handler: handler, immediate: nil)
    }

    /// Adds a fast path to a registered unary method.
    ///
    /// - Parameter name: of metadata that decides about the answer: calls that have it do not take this
    ///   path.
    public mutating func registerImmediate(
        _ method: MethodDescriptor, exceptWith name: String? = nil, _ handler: @escaping Immediate
    ) {
        precondition(method.kind == .unary && entries[method.fullName] != nil)
        entries[method.fullName]?.immediate = handler
        entries[method.fullName]?.handlerMetadata = name
    }

    /// All methods of both tables.
    public mutating func merge(_ other: MethodTable) {
        for entry in other.entries.values {
            register(entry.method, entry.handler)
            entries[entry.method.fullName] = entry
        }
    }
}
