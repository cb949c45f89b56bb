/// Names one method and says how it is called. Made by the generator.
public struct MethodDescriptor: Hashable, Sendable {
    public enum Kind: Sendable, Hashable {
        case unary
        case serverStreaming
        case clientStreaming
        case bidirectionalStreaming

        /// Whether the caller sends a stream of requests.
        package var takesStream: Bool {
            self == .clientStreaming || self == .bidirectionalStreaming
        }
        /// Whether the server sends a stream of answers.
        package var givesStream: Bool {
            self == .serverStreaming || self == .bidirectionalStreaming
        }
    }

    /// Full name of the service, "portolan.directory.v1.Directory".
    public let service: String
    /// "GetUser".
    public let name: String
    /// "portolan.directory.v1.Directory/GetUser". Kept, because every call needs it.
    public let fullName: String
    public let kind: Kind
    /// Declared NO_SIDE_EFFECTS or IDEMPOTENT: may be sent again after a failure.
    public let isIdempotent: Bool

    public init(service: String, name: String, kind: Kind, isIdempotent: Bool) {
        self.service = service
        self.name = name
        self.fullName = "\(service)/\(name)"
        self.kind = kind
        self.isIdempotent = isIdempotent
    }
}
